"""k-fold runs: every image once by a model that had not seen it, resumable, pooled, and an ensemble afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets import read_manifest, write_manifest
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import RunError, SplitError
from braintumor_tf.evaluation import EvaluationError, combine, predict_manifest, score_predictions
from braintumor_tf.evaluation.prediction.fold_predictions import folds_of, pool_predictions
from braintumor_tf.experiments import evaluate_run, predict_files, resume_experiment, run_ensemble, run_folds
from braintumor_tf.leakage.baseline_models import BASELINES
from braintumor_tf.models.network import load_network
from braintumor_tf.report import write_report
from braintumor_tf.runs import Run
from tests.experiments.quick import without_trees
from tests.training.toy import small_cnn_in_the_registry, toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDS = 3
PROBABILITIES = [f"p_{name}" for name in CLASSES]
CNN = {"epochs": 2, "image_size": 32, "batch_size": 48, "augmentation": {"rotation_range": 5}, "learning_rate": 3e-3}

# The same k-fold run in a process that kills itself when an epoch of a fold has begun.
KILLED = """
    import os, signal
    import keras
    from braintumor_tf.datasets import read_manifest
    from tests.experiments.test_folds import cnn_folds

    class Deadly(keras.callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            if number == 1 and os.path.isdir(os.path.join({out!r}, "fold_1")):
                os.kill(os.getpid(), signal.SIGKILL)

    def deadly_fit(model, *arguments, callbacks=(), **settings):
        return fit(model, *arguments, callbacks=[*callbacks, Deadly()], **settings)

    fit, keras.Model.fit = keras.Model.fit, deadly_fit
    cnn_folds(read_manifest({manifest!r}), {out!r})
"""


def cnn_folds(manifest: pd.DataFrame, out: str | Path, **changes: Any) -> Run:
    settings = {"baselines": False, "resamples": 20, "folds": 2, "show_progress": False, **CNN, **changes}
    with small_cnn_in_the_registry():
        return run_folds(manifest, "CNN", out=out, resume=True, config={"dataset": "toy"}, **settings)


@pytest.fixture(scope="module", autouse=True)
def _quick_baselines() -> Iterator[None]:
    with without_trees():
        yield


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory) -> Run:
    """A quick one, with its shortcut baselines; most images of a class share a group with their neighbour."""
    out = tmp_path_factory.mktemp("runs") / "folds"
    return run_folds(
        manifest, "PCA", out=out, folds=FOLDS, seed=3, image_size=24, augmentation={}, resamples=50,
        show_progress=False, config={"dataset": "toy"},
    )  # fmt: skip


def test_every_image_is_scored_once_by_a_model_that_had_not_seen_its_group(run, manifest):
    pooled = run.predictions
    assert list(pooled["path"]) == list(manifest["path"]) and set(pooled["split"]) == {"test"}
    assert sorted(pooled["fold"].unique()) == list(range(FOLDS))
    for number, fold in enumerate(folds_of(run)):
        parts = {name: set(rows["group"]) for name, rows in fold.manifest.groupby("split")}
        assert not parts["test"] & (parts["train"] | parts["validation"]) and not parts["train"] & parts["validation"]
        mine = pooled[pooled["fold"] == number]
        assert set(mine["group"]) == parts["test"] and set(mine["label"]) == set(CLASSES)
        kept = fold.predictions.query("split == 'test'").set_index("path").loc[mine["path"]]
        np.testing.assert_allclose(mine[PROBABILITIES], kept[PROBABILITIES])


def test_the_scores_are_those_of_the_pooled_predictions(run):
    metrics = run.metrics
    again = score_predictions(run.predictions, run.manifest, CLASSES, seed=3, resamples=50).to_dict()
    assert all(
        metrics[name] == again[name] for name in ("accuracy", "macro_f1", "classes", "confusion_matrix", "twins")
    )
    assert metrics["images"] == len(run.manifest) and metrics["twins"]["images"] == 0
    assert metrics["groups"] == run.manifest["group"].nunique() and metrics["accuracy"]["low"] is not None
    folds = metrics["folds"]
    assert [row["run"] for row in folds["runs"]] == [f"fold_{number}" for number in range(FOLDS)]
    for row, fold in zip(folds["runs"], folds_of(run)):
        assert row["accuracy"] == fold.metrics["accuracy"] and row["images"] == fold.metrics["images"]
    values = [row["macro_f1"]["value"] for row in folds["runs"]]
    assert folds["mean"]["macro_f1"] == pytest.approx(np.mean(values))
    assert folds["standard_deviation"]["macro_f1"] == pytest.approx(np.std(values, ddof=1))
    mean = np.average([row["accuracy"]["value"] for row in folds["runs"]], weights=[r["images"] for r in folds["runs"]])
    assert metrics["accuracy"]["value"] == pytest.approx(mean)  # accuracy is the one score that pools like this


def test_the_baselines_are_fitted_in_each_fold_and_pooled(run):
    parts = [fold.metrics for fold in folds_of(run)]
    assert set(run.metrics["baselines"]) == set(BASELINES)
    for name, found in run.metrics["baselines"].items():
        right = sum(part["baselines"][name]["value"] * part["images"] for part in parts)
        assert found["value"] == pytest.approx(right / len(run.manifest)) and found["low"] is not None
    nearest = run.metrics["baselines"]["nearest_neighbour"]["value"]
    assert nearest > 0.5  # chance is 0.25, and rows put beside the wrong images would be at chance


def test_the_order_of_the_manifest_changes_no_fold(run, manifest, tmp_path):
    shuffled = manifest.sample(frac=1, random_state=1)
    other = run_folds(
        shuffled, "PCA", out=tmp_path / "run", folds=FOLDS, seed=3, image_size=24, augmentation={}, baselines=False,
        show_progress=False, resamples=0,
    )  # fmt: skip
    both = (one.predictions.set_index("path")["fold"].sort_index() for one in (run, other))
    pd.testing.assert_series_equal(*both)


def test_folds_that_do_not_cover_the_images_are_refused(run, manifest):
    tables = [fold.predictions for fold in folds_of(run)]
    with pytest.raises(EvaluationError, match="tested 0 times"):
        pool_predictions(tables[:-1], manifest)
    with pytest.raises(EvaluationError, match="tested 2 times"):
        pool_predictions([*tables, tables[0]], manifest)
    with pytest.raises(SplitError, match="use fewer folds"):
        run_folds(manifest, "PCA", out=run.path.parent / "many", folds=100)
    assert not (run.path.parent / "many").exists()


def test_scoring_once_more_uses_the_fold_that_had_not_seen_the_image(run):
    found = evaluate_run(run, show_progress=False)
    np.testing.assert_allclose(found.predictions[PROBABILITIES], run.predictions[PROBABILITIES], atol=1e-5)
    assert found.metrics["macro_f1"] == run.metrics["macro_f1"]
    assert found.metrics["baselines"] == run.metrics["baselines"]
    views = evaluate_run(run, baselines=False, show_progress=False, views=3)
    assert not np.allclose(views.predictions[PROBABILITIES], run.predictions[PROBABILITIES], atol=1e-4)


def test_the_model_of_the_run_is_the_ensemble_of_its_folds(run, manifest):
    rows = manifest.head(9)
    parts = [predict_manifest(fold, rows, splits=None, show_progress=False) for fold in folds_of(run)]
    expected = combine(parts)
    pd.testing.assert_frame_equal(predict_manifest(run, rows, splits=None, show_progress=False), expected, atol=1e-5)
    table = predict_files(run, rows["path"], show_progress=False)
    np.testing.assert_allclose(table[PROBABILITIES], expected[PROBABILITIES], atol=1e-5)


def test_on_other_data_what_any_fold_has_seen_is_left_out(run, manifest, tmp_path):
    new = toy_manifest(tmp_path / "new", seed=5)
    new["pixel_hash"] = "new" + new["pixel_hash"]
    hashes = np.random.default_rng(0).integers(0, 1 << 62, len(manifest) + len(new))
    everything = pd.concat([manifest, new], ignore_index=True)
    everything["phash"] = [f"{value:016x}" for value in hashes]
    seen = Run.create(tmp_path / "copy", {**run.config}, everything.head(len(manifest)).assign(split="test"))
    (seen.path / "ensemble.json").write_text(
        (run.path / "ensemble.json").read_text().replace("fold_", f"{run.path}/fold_")
    )
    seen.write_metrics({})
    external = pd.concat([everything.tail(len(new)), everything.head(7)], ignore_index=True).assign(group="", split="")
    found = evaluate_run(seen, external, baselines=False, show_progress=False)
    assert (found.manifest["split"] == "overlap").sum() == 7 and found.metrics["images"] == len(new)


def test_a_member_of_other_folds_or_a_whole_k_fold_run_makes_no_ensemble(run, tmp_path):
    folds = folds_of(run)
    with pytest.raises(EvaluationError, match="only runs on the same split"):
        run_ensemble(folds, tmp_path / "out")
    with pytest.raises(RunError, match="ensemble itself"):
        run_ensemble([folds[0], run], tmp_path / "out")


def test_the_report_of_a_k_fold_run_has_a_table_of_its_folds(run):
    page = write_report(run).read_text(encoding="utf-8")
    assert "<h2>Folds</h2>" in page and all(f">fold_{number}<" in page for number in range(FOLDS))
    assert "standard deviation" in page and "reports of the folds" in page
    mean = run.metrics["folds"]["mean"]["macro_f1"]
    assert f"{mean:.3f}" in page


@pytest.fixture(scope="module")
def whole(manifest, tmp_path_factory) -> Run:
    """The run that nothing happened to."""
    return cnn_folds(manifest, tmp_path_factory.mktemp("whole") / "run")


def test_a_k_fold_run_that_was_killed_ends_as_one_that_was_not(manifest, whole, tmp_path):
    table, out = tmp_path / "manifest.csv", tmp_path / "run"
    write_manifest(table, manifest)
    code = textwrap.dedent(KILLED).format(manifest=str(table), out=str(out))
    answer = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert answer.returncode == -signal.SIGKILL, answer.stderr[-2000:]
    first, second = (Run(out / f"fold_{number}") for number in range(2))
    assert first.finished and not second.finished and list(second.history["epoch"]) == [1]
    assert not Run(out).finished
    untouched = (first.path / "model.keras").stat().st_mtime_ns
    with small_cnn_in_the_registry():
        run = resume_experiment(out, show_progress=False)

    assert (first.path / "model.keras").stat().st_mtime_ns == untouched
    pd.testing.assert_frame_equal(run.predictions, whole.predictions, check_exact=True)
    for one, other in zip(folds_of(run), folds_of(whole)):
        weights, expected = (load_network(each.file("model.keras")).get_weights() for each in (one, other))
        assert all(np.array_equal(found, wanted) for found, wanted in zip(weights, expected, strict=True))
    drop = ("training",)
    assert {k: v for k, v in run.metrics.items() if k not in drop} == {
        k: v for k, v in whole.metrics.items() if k not in drop
    }
    settings = [{k: v for k, v in one.config.items() if k != "environment"} for one in (run, whole)]
    assert settings[0] == settings[1]


def test_a_finished_run_is_returned_and_other_settings_are_refused(manifest, whole, tmp_path):
    before = (whole.path / "metrics.json").stat().st_mtime_ns
    assert cnn_folds(manifest, whole.path).metrics == resume_experiment(whole).metrics
    assert (whole.path / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="another folds"):
        cnn_folds(manifest, whole.path, folds=3)
    started = Run.create(tmp_path / "fold_1", folds_of(whole)[1].config, manifest)
    with pytest.raises(RunError, match="resume the whole"):
        resume_experiment(started)
    with pytest.raises(RunError, match="finished"):
        run_folds(manifest, "CNN", out=whole.path, **CNN)
    assert read_manifest(whole.path / "manifest.csv")["path"].tolist() == manifest["path"].tolist()
    assert json.loads((whole.path / "ensemble.json").read_text())["members"][1]["run"] == "fold_1"
