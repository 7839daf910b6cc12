"""A search that is shared by processes, killed, interrupted and gone on with."""

from __future__ import annotations

import signal

import pandas as pd
import pytest

from braintumor_tf.training.search import heartbeat, study
from braintumor_tf.training.search import run as search_run
from tests.training.search.toy_search import COMPARED, fake_training, small_search, worker


@pytest.mark.parametrize("storage", ["", "sqlite:///{}/study.db"], ids=["journal", "sqlite"])
def test_two_processes_share_one_search(folder, tmp_path, storage):
    storage = storage.format(tmp_path)
    workers = [worker(folder, tmp_path / "out", 4, storage) for _ in range(2)]
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


def test_ctrl_c_keeps_finished_trials_and_the_search_goes_on(found, manifest, tmp_path, monkeypatch):
    train = search_run._train

    def interrupted(arguments, rows, report, show):
        if report.trial.number == 1:
            raise KeyboardInterrupt
        return train(arguments, rows, report, show)

    monkeypatch.setattr(search_run, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small_search(manifest, tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["state"]) == ["finished", "killed", "waiting"]
    monkeypatch.setattr(search_run, "_train", train)
    assert small_search(manifest, tmp_path).score == found.score


def test_an_unexpected_error_is_raised_and_three_attempts_are_enough(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(search_run, "_train", fake_training({number: ZeroDivisionError() for number in range(3)}))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            small_search(manifest, tmp_path, trials=2)
    result = small_search(manifest, tmp_path, trials=2)
    assert list(result.trials["state"]) == ["killed", "killed", "killed", "finished"]
    assert list(result.trials["attempt"]) == [1, 2, 3, 1]
    assert result.trials["seed"][:3].nunique() == 1


def test_a_silent_trial_of_another_machine_is_given_up_after_a_while(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(search_run, "_train", fake_training({}))
    names = iter(["another machine"])
    monkeypatch.setattr(study, "host_name", lambda: next(names, heartbeat.host_name()))
    monkeypatch.setattr(search_run, "_run_trial", lambda *arguments: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        small_search(manifest, tmp_path, trials=1)
    monkeypatch.undo()
    monkeypatch.setattr(search_run, "_train", fake_training({}))
    waits = []
    monkeypatch.setattr(search_run.time, "sleep", waits.append)
    monkeypatch.setattr(heartbeat, "SILENT_SECONDS", 1.0)
    result = small_search(manifest, tmp_path, trials=1)
    assert waits
    assert list(result.trials["state"]) == ["killed", "finished"]
