"""Ensembles: runs that are made of runs, their weights, views and calibration, and what must not be put together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import BrainTumorWarning, ModelError, RunError
from braintumor_tf.evaluation import (
    Ensemble,
    EvaluationError,
    combine,
    load_run_model,
    predict_manifest,
    validation_weights,
)
from braintumor_tf.evaluation.calibration.temperature import fit_temperature
from braintumor_tf.evaluation.robustness.run_robustness import robustness
from braintumor_tf.experiments import evaluate_run, evaluate_runs, predict_files, run_ensemble, run_experiment
from braintumor_tf.files import write_csv
from braintumor_tf.report import write_model_card, write_report
from braintumor_tf.runs import Run
from tests.experiments.quick import without_trees
from tests.training.toy import toy_manifest

PROBABILITIES = [f"p_{name}" for name in CLASSES]
SETTINGS = {
    "CNN": {"epochs": 3, "image_size": 32, "batch_size": 24, "augmentation": {}, "learning_rate": 3e-3},
    "PCA": {"image_size": 24, "augmentation": {"horizontal_flip": True}},
}


@pytest.fixture(scope="module", autouse=True)
def _quick_baselines() -> Iterator[None]:
    with without_trees():
        yield


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def members(manifest, tmp_path_factory) -> list[Run]:
    folder = tmp_path_factory.mktemp("members")
    return [
        run_experiment(
            manifest, model, out=folder / model, baselines=False, resamples=20, show_progress=False,
            config={"dataset": "toy", "protocol": "grouped"}, **SETTINGS[model],
        )
        for model in SETTINGS
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ensemble(members, tmp_path_factory) -> Run:
    return run_ensemble(members, tmp_path_factory.mktemp("ensembles") / "pair", resamples=20)


def test_an_ensemble_is_a_run_that_predicts_what_was_scored(ensemble, members, manifest):
    metrics = ensemble.metrics
    weights = weights_of(ensemble)
    assert sum(weights) == pytest.approx(1) and [row["run"] for row in metrics["members"]] == ["CNN", "PCA"]
    assert metrics["members"][0]["accuracy"] == members[0].metrics["accuracy"] and set(metrics["baselines"])
    assert ensemble.config["protocol"] == "grouped" and ensemble.config["model"] == "ensemble of CNN, PCA"
    expected = combine([run.predictions for run in members], weights)
    assert set(expected["split"]) == {"validation", "test"}
    pd.testing.assert_frame_equal(ensemble.predictions, expected, atol=1e-9)
    again = predict_manifest(ensemble, manifest, splits=("test",), show_progress=False)
    scored = ensemble.predictions.query("split == 'test'")
    assert metrics["images"] == len(scored)
    np.testing.assert_allclose(again[PROBABILITIES], scored[PROBABILITIES], atol=1e-5)
    found = evaluate_run(ensemble, show_progress=False)
    assert found.metrics["accuracy"] == metrics["accuracy"] and found.metrics["baselines"] == metrics["baselines"]
    table_of_files = predict_files(ensemble, again["path"], show_progress=False)
    np.testing.assert_allclose(table_of_files[PROBABILITIES], again[PROBABILITIES], atol=1e-5)
    assert not table_of_files["error"].any() and list(table_of_files["predicted"]) == list(again["predicted"])


def test_scoring_runs_together_is_scoring_their_ensemble(ensemble, members):
    found = evaluate_runs(members, baselines=False, show_progress=False)
    assert list(found.weights) == pytest.approx([row["weight"] for row in ensemble.metrics["members"]])
    assert found.metrics["macro_f1"]["value"] == ensemble.metrics["macro_f1"]["value"]
    equal = evaluate_runs(members, weights="equal", baselines=False, show_progress=False, views=2)
    assert equal.weights == (0.5, 0.5)
    parts = [predict_manifest(run, run.manifest, splits=("test",), show_progress=False, views=2) for run in members]
    np.testing.assert_allclose(equal.predictions[PROBABILITIES], combine(parts)[PROBABILITIES], atol=1e-5)


def test_the_loaded_ensemble_answers_for_images_of_any_size(ensemble):
    model = load_run_model(ensemble)
    assert isinstance(model, Ensemble) and model.classes == CLASSES and model.image_size == (32, 32)
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 41, 3), dtype=np.uint8)
    answer = model.predict_images(images)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    parts = [member.predict_images(images) for member in model.members]
    np.testing.assert_allclose(answer, sum(w * part for w, part in zip(model.weights, parts)), atol=1e-6)


def test_the_report_of_an_ensemble_names_its_members(ensemble):
    page = write_report(ensemble).read_text(encoding="utf-8")
    assert "Members of the ensemble" in page and ">PCA<" in page and "reports of the members" in page


def test_an_ensemble_on_one_split_is_calibrated_and_can_abstain(ensemble, members):
    validation = combine([run.predictions.query("split == 'validation'") for run in members], weights_of(ensemble))
    fitted = fit_temperature(validation, CLASSES).value
    assert ensemble.calibration["temperature"]["value"] == pytest.approx(fitted)
    assert ensemble.calibration["validation"]["images"] == len(validation)
    image = ensemble.predictions["path"][0]
    (answer,) = predict_files(ensemble, [image], show_progress=False, coverage=0.6)["answer"]
    assert answer in {*CLASSES, "unknown"}
    assert "were not calibrated" not in write_model_card(ensemble).read_text(encoding="utf-8")


def test_members_with_other_validation_images_make_an_ensemble_that_cannot_abstain(members, manifest, tmp_path):
    swapped = manifest.copy()
    (train,), (validation,) = (manifest.index[manifest["split"] == name][:1] for name in ("train", "validation"))
    swapped.loc[[train, validation], "split"] = ["validation", "train"]
    other = copy_run(members[1], tmp_path / "other", swapped)
    found = run_ensemble([members[0], other], tmp_path / "out", weights="equal", baselines=False, resamples=0)
    assert set(found.predictions["split"]) == {"test"} and found.calibration is None
    with pytest.raises(EvaluationError, match="split in different ways"):
        predict_files(found, [found.predictions["path"][0]], show_progress=False, abstain=True)


def test_an_ensemble_with_views_answers_with_them_wherever_it_is_asked(members, manifest, tmp_path):
    kept = run_ensemble(members, tmp_path / "views", baselines=False, resamples=20, views=3, show_progress=False)
    assert kept.config["views"] == 3 and kept.config["model"] == "ensemble of CNN, PCA (3 views)"
    parts = [predict_manifest(run, manifest, show_progress=False, views=3) for run in members]
    expected = combine(parts, weights_of(kept))
    np.testing.assert_allclose(kept.predictions[PROBABILITIES], expected[PROBABILITIES], atol=1e-6)
    assert weights_of(kept) == pytest.approx(
        validation_weights([part.query("split == 'validation'") for part in parts]).tolist()
    )
    same = evaluate_runs(members, baselines=False, show_progress=False, views=3)
    assert same.metrics["macro_f1"]["value"] == kept.metrics["macro_f1"]["value"]

    again = predict_manifest(kept, manifest, show_progress=False)
    np.testing.assert_allclose(again[PROBABILITIES], expected[PROBABILITIES], atol=1e-5)
    plain = predict_manifest(kept, manifest, show_progress=False, views=1)
    single = combine([run.predictions for run in members], weights_of(kept))
    np.testing.assert_allclose(plain[PROBABILITIES], single[PROBABILITIES], atol=1e-5)
    assert np.abs(plain[PROBABILITIES].to_numpy() - again[PROBABILITIES].to_numpy()).max() > 1e-3
    two = combine([predict_manifest(run, manifest, show_progress=False, views=2) for run in members], weights_of(kept))
    found = predict_manifest(load_run_model(kept), manifest, show_progress=False, views=2)
    np.testing.assert_allclose(found[PROBABILITIES], two[PROBABILITIES], atol=1e-5)
    clean = robustness(kept, noises=["gaussian"], severities=(1,), resamples=0, size=64, show_progress=False)
    assert clean.predictions.query("noise == 'clean'")[PROBABILITIES].notna().all(axis=None)

    fitted = fit_temperature(expected.query("split == 'validation'"), CLASSES).value
    assert kept.calibration["temperature"]["value"] == pytest.approx(fitted, rel=1e-4)
    paths = kept.predictions["path"][:4]
    answers = predict_files(kept, paths, show_progress=False, abstain=True)
    np.testing.assert_allclose(answers[PROBABILITIES], expected[PROBABILITIES][:4], atol=1e-5)
    predict_files(kept, paths[:1], show_progress=False, abstain=True, views=3)
    with pytest.raises(EvaluationError, match="views=2: this run is calibrated on views=3"):
        predict_files(kept, paths, show_progress=False, abstain=True, views=2)
    page = write_report(kept).read_text(encoding="utf-8")
    assert "shown 3 views of each image" in page
    card = write_model_card(kept).read_text(encoding="utf-8")
    assert "Views of each image" in card and "views=3" in card


def test_what_was_left_out_of_the_data_is_known_to_the_ensemble(members, manifest, tmp_path):
    known = {"external": "elsewhere", "unreadable": [{"path": "broken.png", "reason": "cut off"}], "split_seed": 3}
    pair = [copy_run(run, tmp_path / run.name, manifest) for run in members]
    for run in pair:
        (run.path / "config.json").write_text(json.dumps({**run.config, **known}))
    found = run_ensemble(pair, tmp_path / "out", baselines=False, resamples=0)
    assert {key: found.config[key] for key in known} == known
    assert "broken.png" in write_report(found).read_text(encoding="utf-8")
    (pair[1].path / "config.json").write_text(json.dumps({**pair[1].config, "split_seed": 4}))
    other = run_ensemble(pair, tmp_path / "other", baselines=False, resamples=0)
    assert "split_seed" not in other.config


def test_one_run_is_kept_with_its_views(members, manifest, tmp_path):
    kept = run_ensemble(members[1:], tmp_path / "one", baselines=False, resamples=0, views=2, show_progress=False)
    assert kept.config["model"] == "PCA (2 views)" and weights_of(kept) == [1]
    expected = predict_manifest(members[1], manifest, show_progress=False, views=2)
    np.testing.assert_allclose(kept.predictions[PROBABILITIES], expected[PROBABILITIES], atol=1e-6)


def test_an_ensemble_from_before_views_were_kept_is_read(ensemble, tmp_path):
    old = Run(shutil.copytree(ensemble.path, ensemble.path.parent / "old"))
    settings = old.config
    del settings["views"]
    (old.path / "config.json").write_text(json.dumps(settings))
    found = predict_manifest(old, old.manifest, show_progress=False)
    np.testing.assert_allclose(found[PROBABILITIES], ensemble.predictions[PROBABILITIES], atol=1e-5)
    assert "Views of each image" in write_model_card(old).read_text(encoding="utf-8")


def test_nothing_is_predicted_for_an_ensemble_that_cannot_be_kept(members, ensemble, manifest, tmp_path):
    """The members have lost their models: predicting anything with them fails, and says so."""
    lost = [copy_run(run, tmp_path / run.name, manifest) for run in members]
    for file in tmp_path.glob("*/model.*"):
        file.unlink()
    with pytest.raises(RunError, match="has no model"):
        run_ensemble(lost, tmp_path / "fine", views=3)
    with pytest.raises(RunError, match="finished run already"):
        run_ensemble(lost, ensemble.path, views=3)
    with pytest.raises(EvaluationError, match="weights='best'"):
        run_ensemble(lost, tmp_path / "out", weights="best", views=3)
    assert not (tmp_path / "out").exists()


def weights_of(ensemble: Run) -> list[float]:
    return [row["weight"] for row in ensemble.metrics["members"]]


def copy_run(run: Run, folder: Path, manifest: pd.DataFrame) -> Run:
    shutil.copytree(run.path, folder)
    write_csv(folder / "manifest.csv", manifest)
    return Run(folder)


@pytest.mark.parametrize("into", ["train", "validation"])
@pytest.mark.parametrize("how", ["itself", "near-duplicate"])
def test_a_member_that_knows_a_test_image_is_refused(members, manifest, tmp_path, into, how):
    one, other = members
    test = manifest.index[manifest["split"] == "test"][0]
    known = manifest.copy()
    if how == "itself":
        known.loc[test, "split"] = into
    else:
        other_image = manifest.index[manifest["split"] == "train"][0]
        known.loc[other_image, ["group", "split"]] = manifest.loc[test, "group"], into
    leaky = copy_run(other, tmp_path / "leaky", known)
    for pair in ([one, leaky], [leaky, one]):
        with pytest.raises(EvaluationError, match="only runs on the same split"):
            run_ensemble(pair, tmp_path / "out", weights="equal")
        with pytest.raises(EvaluationError, match="only runs on the same split"):
            evaluate_runs(pair, show_progress=False)
    assert not (tmp_path / "out").exists()


def test_a_split_that_leaks_by_itself_is_scored_as_what_it_is(members, manifest, tmp_path):
    test, train = (manifest.index[manifest["split"] == name][0] for name in ("test", "train"))
    leaky = manifest.copy()
    leaky.loc[train, "group"] = manifest.loc[test, "group"]
    pair = [copy_run(run, tmp_path / run.name, leaky) for run in members]
    found = run_ensemble(pair, tmp_path / "out", baselines=False, resamples=0)
    assert found.metrics["twins"]["images"] == 2


def test_what_is_no_member_is_refused(members, ensemble, manifest, tmp_path):
    with pytest.raises(RunError, match="ensemble itself"):
        run_ensemble([members[0], ensemble], tmp_path / "out")
    started = Run.create(tmp_path / "started", members[0].config, manifest)
    with pytest.raises(RunError, match="train --resume"):
        run_ensemble([members[0], started], tmp_path / "out")
    other = copy_run(members[1], tmp_path / "other", manifest)
    (other.path / "config.json").write_text(json.dumps({**other.config, "classes": ["tumor", "no_tumor"]}))
    with pytest.raises(EvaluationError, match="other classes"):
        run_ensemble([members[0], other], tmp_path / "out")
    (other.path / "config.json").write_text(json.dumps({**members[1].config, "crop": "head"}))
    with pytest.raises(EvaluationError, match="whole images"):
        run_ensemble([members[0], other], tmp_path / "out")
    with pytest.raises(EvaluationError, match="weights='best'"):
        run_ensemble(members, tmp_path / "out", weights="best")


def test_a_member_that_has_changed_since_is_named(members, tmp_path):
    pair = [Run(shutil.copytree(run.path, tmp_path / run.name)) for run in members]
    together = run_ensemble(pair, tmp_path / "out", weights="equal", baselines=False, resamples=0)
    shutil.move(tmp_path, tmp_path.with_name(f"{tmp_path.name}_moved"))
    moved = tmp_path.with_name(f"{tmp_path.name}_moved")
    assert isinstance(load_run_model(Run(moved / "out")), Ensemble)  # members are found beside it
    (moved / "PCA" / "model.skops").write_bytes(b"another")
    with pytest.raises(ModelError, match="not the model of this run"):
        load_run_model(Run(moved / together.name))
    (moved / "PCA" / "model.sha256").unlink()
    with pytest.raises(RunError, match="not the one"), pytest.warns(BrainTumorWarning):
        load_run_model(Run(moved / together.name))
    shutil.rmtree(moved / "PCA")
    with pytest.raises(RunError, match="PCA"):
        load_run_model(Run(moved / together.name))
    shutil.rmtree(moved)
