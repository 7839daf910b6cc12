"""Trials that fail, are killed, given up or too many; and a study that several share."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

optuna = pytest.importorskip("optuna")

from braintumor_tf.training import Range, SearchError, TrainingError  # noqa: E402
from braintumor_tf.training.search.heartbeat import host_name, is_dead  # noqa: E402
from braintumor_tf.training.search.sampler import ReportToStudy  # noqa: E402
from braintumor_tf.training.search.study import SharedStudy  # noqa: E402
from tests.training.test_search import in_trials, small_search  # noqa: E402
from tests.training.toy import small_cnn_in_the_table, toy_manifest  # noqa: E402

State = optuna.trial.TrialState
ONE_EPOCH = {"space": {"dropout": [0.0, 0.3]}, "epochs": 1}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_cnn_in_the_table():
        yield


def journal(folder: Path) -> optuna.Study:
    """The study of a search, opened with Optuna alone."""
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.log"))
    return optuna.load_study(study_name="search", storage=optuna.storages.JournalStorage(backend))


# === Searching ===


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


def test_an_unexpected_error_is_raised_and_three_attempts_are_enough(manifest, tmp_path):
    for _ in range(3):
        with in_trials({0: ZeroDivisionError()}), pytest.raises(ZeroDivisionError):
            small_search(manifest, tmp_path, trials=2, **ONE_EPOCH)
    result = small_search(manifest, tmp_path, trials=2, **ONE_EPOCH)
    assert list(result.trials["state"]) == ["killed", "killed", "killed", "finished"]
    assert list(result.trials["attempt"]) == [1, 2, 3, 1]
    assert result.trials["seed"][:3].nunique() == 1


def test_a_trial_of_another_machine_is_waited_for_and_given_up_when_it_is_silent(manifest, tmp_path):
    small_search(manifest, tmp_path, trials=1, **ONE_EPOCH)
    theirs = journal(tmp_path).ask()
    theirs.set_user_attr("worker", {"host": "another machine", "pid": 1})
    theirs.set_user_attr("beat", time.time() - 178)  # silent for almost as long as is waited for
    result = small_search(manifest, tmp_path, trials=2, **ONE_EPOCH)
    assert list(result.trials["state"]) == ["finished", "killed", "finished"]
    assert list(result.trials["attempt"]) == [1, 1, 2]


@pytest.mark.xfail(
    raises=optuna.exceptions.UpdateFinishedTrialError,
    reason="a known fault: the next report of a trial that others gave up ends the whole search",
    strict=True,
)
def test_a_trial_that_others_gave_up_does_not_end_the_search(manifest, tmp_path):
    with in_trials({0: lambda: journal(tmp_path).tell(0, state=State.FAIL)}):
        result = small_search(manifest, tmp_path, trials=1, **ONE_EPOCH)
    assert result.number == 1 and list(result.trials["state"]) == ["killed", "finished"]


def test_without_optuna_one_line_says_what_to_install(manifest, tmp_path, monkeypatch):
    ours = {name: module for name, module in sys.modules.items() if name.startswith("braintumor_tf.")}
    for name, module in ours.items():
        if module.__file__ and re.search(r"^(from|import) optuna", Path(module.__file__).read_text(), re.MULTILINE):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SearchError, match=r'pip install "braintumor_tf\[tune\]"$'):
        small_search(manifest, tmp_path)


# === The study ===


def joined(folder: Path, monitor: str = "val_accuracy", **changes: Any) -> SharedStudy:
    space = {"dropout": Range(0.0, 0.5), "epochs": Range(1, 9), "learning_rate": Range(1e-4, 1e-1, log=True)}
    settings = {"name": "study", "settings": {"model": "CNN"}, "space": space, "seed": 0, "prune": False, **changes}
    return SharedStudy(storage=folder / "study.log", monitor=monitor, **settings)


@pytest.mark.parametrize(("monitor", "number"), [("val_accuracy", 0), ("val_macro_f1", 0), ("val_loss", 1)])
def test_the_best_trial_is_that_of_the_better_end_and_the_first_of_equals(tmp_path, monitor, number):
    study = joined(tmp_path, monitor)
    for value in (0.9, 0.2, 0.5, 0.9, 0.2):
        assert study.tell(study.take(5), State.COMPLETE, value)
    assert study.best.number == number == study.study.best_trial.number
    assert study.take(5) is None and study.finished == 5 and study.running == 0


def test_what_is_drawn_lies_in_the_space_and_is_repeated_by_the_same_seed_alone(tmp_path):
    def drawn(folder: str, **changes: Any) -> list[tuple[Any, ...]]:
        trials = []
        studies = [joined(tmp_path / folder, **changes) for _ in range(2)]  # two processes take turns
        for number in range(6):
            trial = studies[number % 2].take(6)
            studies[number % 2].tell(trial, State.COMPLETE, number / 10)
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
    trial = study.take(1)
    assert other.take(1) is None
    other.study.tell(trial.number, state=State.FAIL)
    assert not study.tell(trial, State.COMPLETE, 0.9) and study.best is None
    again = study.take(1)
    assert again.number == 1 and study.tell(again, State.COMPLETE, 0.4) and study.best.value == 0.4


def test_the_last_place_goes_to_one_of_two(tmp_path):
    study, other = joined(tmp_path), joined(tmp_path)
    ask = study.study.ask

    def late() -> optuna.Trial:
        assert other.take(1).number == 0  # the other one is quicker, after this one has looked
        return ask()

    study.study.ask = late
    assert study.take(1) is None
    assert [trial.number for trial in study.trials] == [0] and study.running == 1


@pytest.mark.parametrize(("host", "pid", "silence", "dead"), [
    ("elsewhere", 1, 170, False), ("elsewhere", 1, 190, True), ("here", None, 0, False), ("here", 2**22 + 1, 0, True),
])  # fmt: skip
def test_a_trial_is_dead_when_its_process_is_gone_or_has_been_silent_for_three_minutes(host, pid, silence, dead):
    worker = {"host": host_name() if host == "here" else host, "pid": pid or os.getpid()}
    trial = optuna.trial.create_trial(state=State.RUNNING, user_attrs={"worker": worker, "beat": time.time() - silence})
    assert is_dead(trial) == dead


# === Ending trials early ===


def learn(trial: optuna.Trial, scores: Any, monitor: str = "val_macro_f1") -> float:
    report = ReportToStudy(trial, monitor, len(scores))
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
