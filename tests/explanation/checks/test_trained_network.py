"""The checks of explanations on a network that really was trained on synthetic slices, whose lesions are known.

The network's last feature map has 16 x 16 cells. That is on purpose: Grad-CAM is no finer than the map that it weighs,
and on the CNN of the model table at this image size, whose last map has 2 x 2 cells, it is no better than a random map.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from braintumor_tf import explanation
from braintumor_tf.cli.main import main
from braintumor_tf.datasets import CLASSES, scan, write_synthetic
from braintumor_tf.leakage import group, split
from braintumor_tf.report import write_report
from braintumor_tf.runs import Run
from tests.report.html_page import check_page

SIDE = 64


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    folder = write_synthetic(
        tmp_path_factory.mktemp("synthetic") / "set", patients_per_class=20, slices_per_patient=4, image_size=SIDE,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    return split(group(scan(folder, show_progress=False).manifest, show_progress=False), "grouped", seed=0)


@pytest.fixture(scope="module")
def network(manifest):
    from braintumor_tf.models.architectures.cnn import ConvolutionBlock, build_cnn
    from braintumor_tf.training import fit
    from braintumor_tf.types import ModelConfig

    blocks = (ConvolutionBlock(16, stride=2), ConvolutionBlock(32, 2, pool=1), ConvolutionBlock(64, 2, pool=1))
    model = build_cnn(ModelConfig(classes=CLASSES, image_size=(SIDE, SIDE), dropout=0.3, seed=0), blocks=blocks)
    fit(model, manifest, preset="scratch", seed=0, epochs=15, batch_size=16, augmentation={}, show_progress=False)
    return model


@pytest.fixture(scope="module")
def tested(manifest) -> pd.DataFrame:
    return manifest[manifest["split"] != "train"]


def test_masks_of_synthetic_images_are_found(manifest):
    masks = explanation.find_masks(manifest)
    assert (masks.notna() == (manifest["label"] != "no_tumor")).all()
    elsewhere = manifest.assign(path=[path.replace("/set/", "/other/") for path in manifest["path"]])
    assert explanation.find_masks(elsewhere).isna().all()


def test_grad_cam_points_at_the_lesion_more_than_a_random_map(network, tested):
    table = explanation.localisation_check(
        network, tested, methods=["grad_cam"], resamples=300, show_progress=False
    ).table
    table = table.set_index("method")
    assert table["energy_gain_low"]["grad_cam"] > 0, "above the random map on the same images, with 95 % confidence"
    assert table["energy"]["grad_cam"] > 1.5 * table["energy"]["random"]
    assert table["pointing"]["grad_cam"] > 2 * table["pointing_by_chance"]["grad_cam"]
    assert table["energy"]["random"] < 2 * table["area_share"]["random"]


def test_covering_the_lesion_costs_the_answer_and_covering_the_border_does_not(network, tested):
    table = explanation.masking_check(network, tested, resamples=300, show_progress=False).table.set_index("masked")
    assert table["drop_low"]["lesion"] > 0 and table["beyond_elsewhere_low"]["lesion"] > 0
    assert table["drop"]["lesion"] > 3 * abs(table["drop"]["border"])
    assert abs(table["drop"]["border"]) < 0.05


def test_maps_change_when_weights_are_randomised(network, tested):
    before = network.get_weights()
    table = explanation.randomisation_check(
        network, tested["path"].tolist()[:30], steps=4, groups=tested["group"].tolist()[:30], resamples=100,
        show_progress=False).table  # fmt: skip
    assert table["step"].tolist() == ["original", "1", "2", "3", "4", "another image"]
    np.testing.assert_allclose([table["spearman"][0], table["ssim"][0]], 1)
    assert table["spearman_high"][4] < 0.6 and table["ssim_high"][4] < 0.6
    assert table["spearman"][4] < table["spearman"][5], "less alike than the maps of two images"
    assert table["random_share"].iloc[4] == pytest.approx(1) and table["random_share"].iloc[:5].is_monotonic_increasing
    for weight, same in zip(network.get_weights(), before):
        np.testing.assert_array_equal(weight, same)
    maps = [explanation.randomisation_check(network, tested["path"].tolist()[:4], steps=1, seed=seed, resamples=10,
                                        show_progress=False).table["ssim"][1] for seed in (0, 0, 1)]  # fmt: skip
    assert maps[0] == maps[1] != maps[2]


def test_a_method_that_ignores_the_model_fails_the_randomisation(network, tested):
    table = explanation.randomisation_check(
        network, tested["path"].tolist()[:6], method="random", steps=2, resamples=10, show_progress=False
    ).table
    np.testing.assert_allclose(table["spearman"][:3], 1)


def test_a_run_keeps_what_was_found_and_reports_it(network, manifest, tmp_path):
    from braintumor_tf.evaluation import predict_manifest, score_predictions

    run = Run.create(tmp_path / "run", {"dataset": "synthetic", "protocol": "grouped", "seed": 0}, manifest)
    network.save(run.path / "model.keras")
    run.write_predictions(predict_manifest(network, manifest, show_progress=False))
    run.write_metrics(score_predictions(run.predictions, manifest, CLASSES, resamples=20).to_dict())
    assert run.explanations is None
    assert "What explanations are worth" not in check_page(write_report(run)).text
    answer = CliRunner().invoke(main, ["explain", str(run.path), "--check", "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found == run.explanations
    page = check_page(write_report(run)).text
    assert "What explanations are worth" in page and "background alone" in page and "another" not in found["method"]
    whole = found["outside"][0]["accuracy"]["value"]
    test = run.predictions[run.predictions["split"] == "test"]
    assert whole == pytest.approx((test["label"] == test["predicted"]).mean())
    for name in ("outside_head", "weight_randomisation", "localisation", "masking"):
        assert (run.figures / f"{name}.png").stat().st_size > 5000
