"""A search: what it writes, that it is repeatable and blind to the test images, what a failed trial means."""

from __future__ import annotations

import gc
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from braintumor_tf.experiments import run_experiment
from braintumor_tf.training import SearchError, TrainingError, resolve_preset, run_search
from tests.training.search.toy_search import COMPARED, ONE_EPOCH, in_trials, small_search
from tests.training.toy import MODELS_BUILT, toy_manifest


def test_a_search_writes_its_trials_and_its_best_preset(found):
    table = pd.read_csv(found.path / "trials.csv")
    assert list(table["trial"]) == [0, 1, 2]
    assert set(table["state"]) <= {"finished", "pruned"}
    assert table["learning_rate"].between(1e-3, 3e-2).all()
    assert set(table["epochs"]) <= {1, 2}
    assert table["seed"].is_unique
    assert found.score == table.loc[table["state"] == "finished", "score"].max()
    best = table.set_index("trial").loc[found.number]
    stage = found.preset.stages[-1]
    assert (stage.learning_rate, stage.epochs, found.dropout) == pytest.approx(
        tuple(best[["learning_rate", "epochs", "dropout"]])
    )
    assert resolve_preset(found.path / "best.json") == found.preset
    about = json.loads((found.path / "search.json").read_text())
    assert (about["seed"], about["dropout"], about["score"]) == (found.seed, found.dropout, found.score)


def test_run_experiment_reproduces_the_best_trial(found, tmp_path):
    manifest = toy_manifest(tmp_path / "images")  # the same images, the test images among them
    run = run_experiment(
        manifest, out=tmp_path / "run", baselines=False, resamples=10, show_progress=False, **found.arguments
    )
    assert run.metrics["training"]["best"]["score"] == found.score


def test_one_process_repeats_a_search_also_in_several_calls_and_in_a_database(found, manifest, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    small_search(manifest, tmp_path, trials=1, storage=storage)
    again = small_search(manifest, tmp_path, storage=storage)
    pd.testing.assert_frame_equal(again.trials[COMPARED], found.trials[COMPARED])
    other = small_search(manifest, tmp_path / "other", trials=1, seed=1)
    assert other.trials["learning_rate"][0] != found.trials["learning_rate"][0]


def test_a_failed_trial_counts_and_the_search_goes_on(manifest, tmp_path):
    with in_trials({0: TrainingError("the loss is not finite"), 1: MemoryError("too large")}):
        result = small_search(manifest, tmp_path, trials=3, **ONE_EPOCH)
    assert list(result.trials["state"]) == ["failed", "failed", "finished"]
    assert list(result.trials["reason"][:2]) == ["the loss is not finite", "too large"]
    with (
        in_trials({0: TrainingError("first"), 1: TrainingError("second")}),
        pytest.raises(SearchError, match="none of 2 trials finished; the last one: second"),
    ):
        small_search(manifest, tmp_path / "none", trials=2, **ONE_EPOCH)


def test_what_cannot_be_searched_is_named(manifest, tmp_path):
    with pytest.raises(SearchError, match="PCA is not trained in epochs"):
        run_search(manifest, "PCA", out=tmp_path)
    with pytest.raises(TrainingError, match="no image is in the validation split"):
        small_search(manifest[manifest["split"] != "validation"], tmp_path)


def test_without_optuna_one_line_says_what_to_install(manifest, tmp_path, monkeypatch):
    ours = {name: module for name, module in sys.modules.items() if name.startswith("braintumor_tf.")}
    for name, module in ours.items():
        if module.__file__ and re.search(r"^(from|import) optuna", Path(module.__file__).read_text(), re.MULTILINE):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SearchError, match=r'pip install "braintumor_tf\[tune\]"$'):
        small_search(manifest, tmp_path)


def test_the_model_of_a_trial_is_freed(manifest, tmp_path):
    small_search(manifest, tmp_path, trials=1, space={"dropout": [0.0]}, epochs=1)
    gc.collect()
    assert [reference() for reference in MODELS_BUILT] == [None, None]  # to check the arguments, and for the trial
