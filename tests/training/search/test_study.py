"""The study: who may join it, whose result counts, who gets the last place, when a trial ends early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest

from braintumor_tf.training import PRESETS, Range, SearchError
from braintumor_tf.training.search import run as search_run
from braintumor_tf.training.search import sampler, study
from tests.training.search.toy_search import SPACE, fake_training, small_search


def test_a_result_that_others_gave_up_is_dropped(manifest, tmp_path, monkeypatch):
    def train(arguments, rows, report, show):
        if report.trial.number == 0:
            report.trial.study.tell(0, state=optuna.trial.TrialState.FAIL)
        return fake_training({})(arguments, rows, report, show)

    monkeypatch.setattr(search_run, "_train", train)
    result = small_search(manifest, tmp_path, trials=1)
    assert result.number == 1


def test_the_last_place_goes_to_one_of_two(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(search_run, "_train", fake_training({}))
    counts, calls = study.counts, []

    def late(trial):
        calls.append(trial.number)
        return counts(trial) and len(calls) > 1  # this process has not yet seen that the place is taken

    small_search(manifest, tmp_path, trials=1)
    monkeypatch.setattr(study, "counts", late)
    assert len(small_search(manifest, tmp_path, trials=1).trials) == 1


def test_hopeless_trials_are_ended_early():
    def learn(trial, scores):
        report = sampler.ReportToStudy(trial, monitor="val_macro_f1", epochs=len(scores))
        for epoch, score in enumerate(scores):
            report.on_epoch_end(epoch, {"val_macro_f1": score})
        return report.best

    shared = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(5, 3))
    for epochs in (4, 5, 10, 20, 40):
        trial = shared.ask()
        shared.tell(trial, learn(trial, np.linspace(0.1, 0.9, epochs)))
        assert set(trial.storage.get_trial(trial._trial_id).intermediate_values) <= set(range(1, 11))
    with pytest.raises(optuna.TrialPruned, match="after 6 epochs"):
        learn(shared.ask(), np.linspace(0.1, 0.3, 20))
    assert learn(shared.ask(), np.linspace(0.1, 0.95, 60)) == 0.95  # long trainings rise later, and are not cut for it


def tried(folder: Path) -> list[str]:
    """All that a journal file holds beside the words that someone opened it with."""
    return [line for line in (folder / "study.log").read_text().splitlines() if '"op_code":0' not in line]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"space": {**SPACE, "epochs": Range(1, 3)}}, "space.epochs.high"),
        ({"preset": PRESETS["scratch"]}, "preset.augmentation"),
        ({"seed": 1}, "seed"),
        ({"prune": False}, "prune"),
        ({"image_size": 40}, "image_size"),
        ({"data": True}, "data"),
    ],
)
def test_another_search_is_not_joined(found, manifest, changes, named):
    changed = dict(changes)
    rows = manifest.assign(md5="another") if changed.pop("data", False) else manifest
    before = tried(found.path)
    with pytest.raises(SearchError, match=f"another .*{named}"):
        small_search(rows, found.path, **changed)
    assert tried(found.path) == before
