"""Runs over origins: each image of an origin by the model that has not seen that origin, resumable, pooled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import SplitError
from braintumor_tf.evaluation.prediction.fold_predictions import folds_of
from braintumor_tf.experiments import evaluate_run, predict_files, resume_experiment, run_experiment, run_origins
from braintumor_tf.leakage import split
from braintumor_tf.report import write_report
from braintumor_tf.runs import Run
from tests.experiments.quick import without_trees
from tests.training.toy import toy_manifest

SETTINGS = {"image_size": 24, "augmentation": {}, "resamples": 20, "show_progress": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """Origins ``a`` and ``b`` with a group in common; only ``b`` and the unknown have pituitary tumours."""
    rows = toy_manifest(tmp_path_factory.mktemp("toy"))
    number = rows.groupby(["split", "label"]).cumcount()
    origin = np.array(["a", "b", ""])[number // 2 % 3]
    origin = np.where((rows["label"] == "pituitary") & (origin == "a"), "b", origin)
    rows = rows.assign(origin=origin, split="")
    shared = rows[(rows["label"] == "glioma") & (rows["origin"] != "")].groupby("origin")["group"].first()
    return rows.assign(group=rows["group"].replace(shared["b"], shared["a"]))


@pytest.fixture(scope="module", autouse=True)
def _quick_baselines() -> Iterator[None]:
    with without_trees():
        yield


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "origins"
    return run_origins(manifest, "PCA", out=out, seed=2, config={"dataset": "toy"}, **SETTINGS)


def test_every_origin_is_scored_by_a_model_that_has_not_seen_it(run, manifest):
    config, metrics = run.config, run.metrics
    assert config["protocol"] == "leave_one_origin_out" and config["origins"] == ["a", "b", "unknown:toy"]
    assert config["folds"] == 3 and config["origins_kept_in"] == {}
    assert [row["origin"] for row in metrics["folds"]["runs"]] == config["origins"]
    origin = manifest.set_index("path")["origin"].replace("", "unknown:toy")
    for name, part in zip(config["origins"], folds_of(run)):
        theirs = part.manifest.set_index("path")["split"]
        assert set(theirs[origin == name]) <= {"test", "overlap"}
        assert set(theirs[origin != name]) == {"train", "validation"}
        assert part.config["origin"] == name
    kept = run.predictions
    overlap = run.manifest[run.manifest["split"] == "overlap"]
    assert len(overlap) == 4 and metrics["overlap"] == 4 and not set(kept["path"]) & set(overlap["path"])
    assert len(kept) == len(manifest) - 4 and kept["path"].is_unique
    assert metrics["accuracy"]["value"] == pytest.approx((kept["label"] == kept["predicted"]).mean())
    assert metrics["twins"]["images"] == 0


def test_a_class_that_an_origin_lacks_is_undefined_and_named(run):
    first = folds_of(run)[0]
    assert first.metrics["classes"]["pituitary"]["recall"]["value"] is None
    assert first.metrics["macro_f1"]["value"] == pytest.approx(
        np.mean([each["f1"]["value"] for name, each in first.metrics["classes"].items() if name != "pituitary"])
    )
    text = write_report(first).read_text(encoding="utf-8")
    assert "The test set has no image of pituitary" in text


def test_a_run_over_origins_is_resumed_scored_again_and_predicts(run, manifest):
    before = run.metrics
    (run.path / "metrics.json").unlink()
    again = resume_experiment(run.path, show_progress=False)
    same = ("accuracy", "classes", "overlap", "twins")
    assert {name: again.metrics[name] for name in same} == {name: before[name] for name in same}
    found = evaluate_run(run, baselines=False, show_progress=False)
    assert found.metrics["macro_f1"] == before["macro_f1"]
    table = predict_files(run, manifest["path"][:2], show_progress=False)
    assert len(table) == 2 and not table["error"].any()


def test_origins_that_cannot_be_left_out_are_kept_in_and_named(manifest, tmp_path):
    alone = manifest[(manifest["label"] != "pituitary") | (manifest["origin"] == "b")]
    kept = run_origins(alone, "PCA", out=tmp_path / "run", baselines=False, **SETTINGS)
    assert kept.config["origins"] == ["a", "unknown:toy"] and "pituitary" in kept.config["origins_kept_in"]["b"]
    assert set(kept.manifest.loc[kept.manifest["origin"] == "b", "split"]) == {"train"}
    with pytest.raises(SplitError, match="one origin"):
        run_origins(manifest.assign(origin="a"), "PCA", out=tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_one_origin_alone_is_a_run_with_its_probe(manifest, tmp_path):
    parts = split(manifest, "leave_one_origin_out", origin="a")
    config = {"protocol": "leave_one_origin_out", "origin": "a"}
    run = run_experiment(parts, "PCA", out=tmp_path / "run", baselines=False, config=config, **SETTINGS)
    assert run.metrics["overlap"] == 2 and set(run.metrics["classes_order"]) == set(CLASSES)
    assert set(run.metrics["source_probe"]["origins"]) == {"a"}
    assert run.metrics["source_probe"]["features"] is None
