"""Comparing trained runs of every kind, with what they cost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pandas as pd
import pytest

from braintumor_tf.errors import RunError
from braintumor_tf.evaluation import EvaluationError, compare, cost_of
from braintumor_tf.experiments import run_ensemble, run_experiment, run_folds
from braintumor_tf.runs import Run
from tests.experiments.quick import without_trees
from tests.training.toy import toy_manifest

DRAWS = 300


def runs_of(comparison) -> pd.DataFrame:
    return comparison.leaderboard.query("kind == 'run'").set_index("name")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> Iterator[dict[str, Run]]:
    """A trained run of every kind on the toy images."""
    folder = tmp_path_factory.mktemp("kinds")
    manifest = toy_manifest(folder / "toy")
    how = {"resamples": 50, "show_progress": False}
    with without_trees():
        runs = {
            "cnn": run_experiment(
                manifest, "CNN", out=folder / "cnn", image_size=32, epochs=2, batch_size=24, augmentation={}, **how
            ),
            "pca": run_experiment(manifest, "PCA", out=folder / "pca", image_size=16, baselines=False, **how),
            "folds": run_folds(manifest, "PCA", out=folder / "folds", folds=2, image_size=16, baselines=False, **how),
        }
        runs["pair"] = run_ensemble([runs["cnn"], runs["pca"]], folder / "pair", baselines=False, resamples=50)
        yield runs


def test_runs_of_every_kind_are_compared_with_their_costs(kinds):
    found = compare([kinds[name] for name in ("cnn", "pca", "pair")], measure_time=True, resamples=DRAWS)
    rows = runs_of(found)
    costs = ["parameters", "bytes", "train_seconds", "milliseconds_per_image"]
    assert (rows[costs] > 0).all(axis=None)
    for name in costs[:3]:
        total = rows.loc[["cnn", "pca"], name].sum()
        assert rows.loc["pair", name] == pytest.approx(total), "an ensemble costs what its members cost"
    assert set(found.leaderboard.query("kind == 'baseline'")["name"]) == {
        "nearest_neighbour",
        "pca_logistic_regression",
    }
    seconds = {name: kinds[name].metrics["training"]["seconds"] for name in ("cnn", "pca")}
    assert rows.loc["cnn", "train_seconds"] == seconds["cnn"]


def test_a_k_fold_run_is_compared_with_a_single_one_on_what_both_can_be_tested_on(kinds):
    with pytest.raises(EvaluationError, match="other test images"):
        compare([kinds["cnn"], kinds["folds"]])
    found = compare([kinds["cnn"], kinds["folds"]], common=True, resamples=DRAWS)
    tested = kinds["cnn"].metrics["images"]
    assert found.images == tested and found.left_out["folds"] == len(kinds["folds"].manifest) - tested
    fold = [Run(kinds["folds"].path / f"fold_{number}") for number in range(2)]
    rows = runs_of(found)
    assert rows.loc["folds", "bytes"] == sum((one.path / "model.skops").stat().st_size for one in fold)
    assert rows.loc["folds", "train_seconds"] == pytest.approx(
        sum(one.metrics["training"]["seconds"] for one in fold), abs=0.02
    )


def test_a_run_whose_model_is_gone_is_ranked_without_its_cost(kinds, tmp_path):
    copy = Run(shutil.copytree(kinds["pca"].path, tmp_path / "copy"))
    (copy.path / "model.skops").unlink()
    row = runs_of(compare([kinds["cnn"], copy], resamples=DRAWS)).loc["copy"]
    assert pd.isna(row["parameters"]) and pd.isna(row["bytes"]) and row["train_seconds"] > 0
    with pytest.raises(RunError, match="has no model"):
        compare([kinds["cnn"], copy], measure_time=True)


def test_the_pipeline_counts_what_it_predicts_with(kinds):
    run = kinds["pca"]
    components = min(200, int((run.manifest["split"] == "train").sum()) - 1, 16 * 16)
    cost = cost_of(run)
    assert cost.parameters == 16 * 16 * (components + 1) + 4 * (components + 1)
    assert cost.bytes == (run.path / "model.skops").stat().st_size
    assert cost.train_seconds == run.metrics["training"]["seconds"]
