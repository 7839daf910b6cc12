"""A search that is shared by processes, killed, interrupted and gone on with."""

from __future__ import annotations

import os
import signal
import time

import pandas as pd
import pytest

optuna = pytest.importorskip("optuna")

from braintumor_tf.training.search.heartbeat import host_name, is_dead  # noqa: E402
from tests.training.search.toy_search import COMPARED, ONE_EPOCH, in_trials, journal, small_search, worker  # noqa: E402

State = optuna.trial.TrialState


@pytest.mark.parametrize("storage", ["", "sqlite:///{}/study.db"], ids=["journal", "sqlite"])
def test_two_processes_share_one_search(folder, tmp_path, storage):
    storage = storage.format(tmp_path)
    workers = [worker(folder, tmp_path / "out", 4, storage=storage) for _ in range(2)]
    errors = [process.communicate(timeout=900)[1] for process in workers]
    assert [process.returncode for process in workers] == [0, 0], errors
    table = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert set(table["state"]) <= {"finished", "pruned"}
    assert len(table) == 4
    assert table["seed"].is_unique
    assert table["learning_rate"].is_unique
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith("study")) == [
        "best.json",
        "search.json",
        "trials.csv",
    ]


def test_a_killed_trial_is_tried_again_with_the_same_result(found, folder, manifest, tmp_path):
    process = worker(folder, tmp_path, 3, deadly=1)
    process.communicate(timeout=900)
    assert process.returncode == -signal.SIGKILL
    resumed = small_search(manifest, tmp_path)
    table = resumed.trials
    assert list(table["state"]).count("killed") == 1
    assert list(table.loc[table["state"] == "killed", "trial"]) == [1]
    kept = table[table["state"] != "killed"].sort_values("seed")[COMPARED].reset_index(drop=True)
    wanted = found.trials.sort_values("seed")[COMPARED].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, wanted, check_dtype=False)
    assert resumed.score == found.score


def test_ctrl_c_keeps_finished_trials_and_the_search_goes_on(found, manifest, tmp_path):
    with in_trials({1: KeyboardInterrupt()}), pytest.raises(KeyboardInterrupt):
        small_search(manifest, tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["state"]) == ["finished", "killed", "waiting"]
    assert small_search(manifest, tmp_path).score == found.score


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
    beat = time.time() - 178  # silent for almost as long as is waited for
    theirs.set_user_attr("beat", beat)
    result = small_search(manifest, tmp_path, trials=2, **ONE_EPOCH)
    assert list(result.trials["state"]) == ["finished", "killed", "finished"]
    assert list(result.trials["attempt"]) == [1, 1, 2]
    assert journal(tmp_path).trials[2].datetime_start.timestamp() > beat + 180


def test_a_trial_that_others_gave_up_does_not_end_the_search(manifest, tmp_path):
    with in_trials({0: lambda: journal(tmp_path).tell(0, state=State.FAIL)}):
        result = small_search(manifest, tmp_path, trials=1, **ONE_EPOCH)
    assert result.number == 1 and list(result.trials["state"]) == ["killed", "finished"]


@pytest.mark.parametrize(("host", "pid", "silence", "dead"), [
    ("elsewhere", 1, 170, False), ("elsewhere", 1, 190, True), ("here", None, 0, False), ("here", 2**22 + 1, 0, True),
])  # fmt: skip
def test_a_trial_is_dead_when_its_process_is_gone_or_has_been_silent_for_three_minutes(host, pid, silence, dead):
    worker = {"host": host_name() if host == "here" else host, "pid": pid or os.getpid()}
    trial = optuna.trial.create_trial(state=State.RUNNING, user_attrs={"worker": worker, "beat": time.time() - silence})
    assert is_dead(trial) == dead
