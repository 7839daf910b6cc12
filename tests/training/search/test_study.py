"""The study: who may join it, whose result counts, who gets the last place, when a trial ends early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")

from braintumor_tf.augment.noise import GaussianNoise  # noqa: E402
from braintumor_tf.datasets.labels import CLASSES  # noqa: E402
from braintumor_tf.training import PRESETS, Range, SearchError  # noqa: E402
from braintumor_tf.training.search.sampler import ReportToStudy  # noqa: E402
from braintumor_tf.training.search.study import SharedStudy  # noqa: E402
from tests.training.search.toy_search import SPACE, small_search  # noqa: E402

State = optuna.trial.TrialState

# === Joining ===


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
        ({"dropout": 0.1}, "dropout"),
        ({"head": (8,)}, "head"),
        ({"crop": "head"}, "crop"),
        ({"noise": GaussianNoise(20)}, "noise"),
        ({"classes": CLASSES[::-1]}, "classes"),
        ({"label_smoothing": 0.1}, "preset.label_smoothing"),
        ({"data": True}, "data"),
    ],
)
def test_another_search_is_not_joined(found, manifest, changes, named):
    changed = dict(changes)
    rows = manifest.iloc[1:] if changed.pop("data", False) else manifest
    before = tried(found.path)
    with pytest.raises(SearchError, match=f"another .*{named}"):
        small_search(rows, found.path, **changed)
    assert tried(found.path) == before


# === Trials ===


def joined(folder: Path, monitor: str = "val_accuracy", **changes: Any) -> SharedStudy:
    space = {"dropout": Range(0.0, 0.5), "epochs": Range(1, 9), "learning_rate": Range(1e-4, 1e-1, log=True)}
    settings = {"name": "study", "settings": {"model": "CNN"}, "space": space, "seed": 0, "prune": False, **changes}
    return SharedStudy(storage=folder / "study.log", monitor=monitor, **settings)


@pytest.mark.parametrize(("monitor", "number"), [("val_accuracy", 0), ("val_macro_f1", 0), ("val_loss", 1)])
def test_the_best_trial_is_that_of_the_better_end_and_the_first_of_equals(tmp_path, monitor, number):
    study = joined(tmp_path, monitor)
    for value in (0.9, 0.2, 0.5, 0.9, 0.2):
        assert study.end_trial(study.start_trial(5), State.COMPLETE, value)
    assert study.best.number == number == study.study.best_trial.number
    assert study.start_trial(5) is None and study.finished == 5 and study.running == 0


def test_what_is_drawn_lies_in_the_space_and_is_repeated_by_the_same_seed_alone(tmp_path):
    def drawn(folder: str, **changes: Any) -> list[tuple[Any, ...]]:
        trials = []
        studies = [joined(tmp_path / folder, **changes) for _ in range(2)]  # two processes take turns
        for number in range(6):
            trial = studies[number % 2].start_trial(6)
            studies[number % 2].end_trial(trial, State.COMPLETE, number / 10)
            trials.append((*trial.params.values(), trial.user_attrs["seed"]))
        return trials

    one, same, other = drawn("one"), drawn("same"), drawn("other", seed=1)
    assert one == same and not set(one) & set(other)
    assert all(len(set(values)) == 6 for position, values in enumerate(zip(*one)) if position != 1)
    for dropout, epochs, rate, seed in one + other:
        assert 0 <= dropout <= 0.5 and epochs in range(1, 10) and 1e-4 <= rate <= 1e-1 and 0 <= seed < 2**31
    assert sum(rate < 1e-2 for _, _, rate, _ in one + other) >= 5  # two of three decades lie below


def test_a_result_that_others_gave_up_is_dropped_and_its_place_is_free(tmp_path):
    study, other = joined(tmp_path), joined(tmp_path)
    trial = study.start_trial(1)
    assert other.start_trial(1) is None
    other.study.tell(trial.number, state=State.FAIL)
    assert not study.end_trial(trial, State.COMPLETE, 0.9) and study.best is None
    again = study.start_trial(1)
    assert again.number == 1 and study.end_trial(again, State.COMPLETE, 0.4) and study.best.value == 0.4


def test_the_last_place_goes_to_one_of_two(tmp_path):
    study, other = joined(tmp_path), joined(tmp_path)
    ask = study.study.ask

    def late() -> optuna.Trial:
        assert other.start_trial(1).number == 0  # the other one is quicker, after this one has looked
        return ask()

    study.study.ask = late
    assert study.start_trial(1) is None
    assert [trial.number for trial in study.trials] == [0] and study.running == 1


# === Ending trials early ===


def learn(trial: optuna.Trial, scores: Any, monitor: str = "val_macro_f1") -> float:
    report = ReportToStudy(trial, monitor=monitor, epochs=len(scores))
    for epoch, score in enumerate(scores):
        report.on_epoch_end(epoch, {monitor: score})
    return report.best


def test_hopeless_trials_are_ended_early():
    shared = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(5, 3))
    for epochs in (4, 5, 10, 20, 40):
        trial = shared.ask()
        shared.tell(trial, learn(trial, np.linspace(0.1, 0.9, epochs)))
        assert set(shared.trials[-1].intermediate_values) <= set(range(1, 11))
    with pytest.raises(optuna.TrialPruned, match="after 6 epochs"):
        learn(shared.ask(), np.linspace(0.1, 0.3, 20))
    assert learn(shared.ask(), np.linspace(0.1, 0.95, 60)) == 0.95  # long trainings rise later, and are not cut for it


def test_the_best_score_so_far_is_reported_at_every_tenth():
    shared = optuna.create_study(direction="minimize")
    losses = [0.9, 0.3, 0.6, 0.2, 0.8]
    assert learn(shared.ask(), losses, "val_loss") == 0.2
    assert shared.trials[-1].intermediate_values == {2: 0.9, 4: 0.3, 6: 0.3, 8: 0.2, 10: 0.2}
    assert learn(shared.ask(), losses, "val_accuracy") == 0.9
