"""Searching: repeatable, shared by processes, resumed after a kill, and blind to the test images."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

optuna = pytest.importorskip("optuna")

from braintumor_tf.augment.noise import GaussianNoise  # noqa: E402
from braintumor_tf.cli.main import main  # noqa: E402
from braintumor_tf.datasets.labels import CLASSES  # noqa: E402
from braintumor_tf.experiments import run_experiment  # noqa: E402
from braintumor_tf.training import PRESETS, Range, Search, SearchError, TrainingError, resolve_preset, run_search
from tests.training.toy import BUILT, MODELS_BUILT, small_cnn_in_the_table, toy_manifest  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
SPACE = {"learning_rate": Range(1e-3, 3e-2, log=True), "epochs": Range(1, 2), "dropout": [0.0, 0.3]}
COMPARED = ["state", "score", *SPACE, "best_epoch", "epochs_run", "seed"]

# Joins a search in a process of its own; with a number, it kills itself where that trial's network is built.
WORKER = """
    import os, signal, sys
    from braintumor_tf.datasets import read_manifest
    from tests.training.test_search import small_search
    from tests.training.toy import BUILT, small_cnn_in_the_table
    manifest, out, storage, trials, deadly = sys.argv[1:]
    built = []
    def watch():
        if len(built) == int(deadly) + 1:  # the first is built to check the arguments
            os.kill(os.getpid(), signal.SIGKILL)
        built.append(1)
    with small_cnn_in_the_table():
        if int(deadly) >= 0:
            BUILT.append(watch)
        small_search(read_manifest(manifest), out, trials=int(trials), storage=storage or None)
"""


def small_search(manifest: pd.DataFrame, out: str | Path, **changes: Any) -> Search:
    settings = {"trials": 3, "space": SPACE, "preset": "smoke", "image_size": 32, "show_progress": False, **changes}
    return run_search(manifest, "CNN", out, **settings)


@contextlib.contextmanager
def in_trials(happenings: dict[int, BaseException | Callable[[], None]]) -> Iterator[None]:
    """Raises an error, or calls a function, where the network of the trial of that place in a search is built."""
    built = itertools.count(-1)  # the first is built to check the arguments

    def watch() -> None:
        happening = happenings.get(next(built))
        if isinstance(happening, BaseException):
            raise happening
        if happening is not None:
            happening()

    BUILT.append(watch)
    try:
        yield
    finally:
        BUILT.remove(watch)


def worker(folder: Path, out: Path, trials: int, storage: str = "", deadly: int = -1) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(WORKER), str(folder / "manifest.csv"), str(out), storage]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*command, str(trials), str(deadly)], cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    manifest = toy_manifest(folder / "images")
    for path in manifest.loc[manifest["split"] == "test", "path"]:
        Path(path).unlink()  # a search that reads one test image fails
    manifest.to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def manifest(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv", dtype=str).astype({"width": int, "height": int})


@pytest.fixture(autouse=True)
def small():
    with small_cnn_in_the_table():
        yield


@pytest.fixture(scope="module")
def found(manifest, tmp_path_factory) -> Search:
    with small_cnn_in_the_table():
        return small_search(manifest, tmp_path_factory.mktemp("found"))


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


def test_ctrl_c_keeps_finished_trials_and_the_search_goes_on(found, manifest, tmp_path):
    with in_trials({1: KeyboardInterrupt()}), pytest.raises(KeyboardInterrupt):
        small_search(manifest, tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["state"]) == ["finished", "killed", "waiting"]
    assert small_search(manifest, tmp_path).score == found.score


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
    rows = manifest.assign(md5="another") if changed.pop("data", False) else manifest
    before = tried(found.path)
    with pytest.raises(SearchError, match=f"another .*{named}"):
        small_search(rows, found.path, **changed)
    assert tried(found.path) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": ["learning_rat"]}, "learning_rat: no such parameter; there are learning_rate, epochs"),
        ({"space": {"epochs": Range(5, 1)}}, "epochs: .* is no range"),
        ({"space": {"epochs": Range(0.5, 2)}}, "whole numbers"),
        ({"space": {"epochs": Range(0, 2)}}, "epochs must be at least 1, not 0"),
        ({"space": {"dropout": Range(0.0, 1.0)}}, "dropout must be a share"),
        ({"space": {"learning_rate": {"from": 1}}}, "is no range"),
        ({"space": {"trains": [2, 400]}}, "blocks, so not the last 400"),
        ({"space": {}}, "nothing to search"),
        ({"space": ["epochs"], "epochs": 3}, "epochs: given a value and searched as well"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"storage": "sqlite:////no/such/folder/study.db"}, "the study cannot be opened"),
        ({"preset": "best.json"}, "no such preset file"),
    ],
)
def test_wrong_arguments_are_named(manifest, tmp_path, changes, message):
    with pytest.raises(TrainingError, match=message):
        small_search(manifest, tmp_path, **changes)


def test_what_cannot_be_searched_is_named(manifest, tmp_path):
    with pytest.raises(SearchError, match="PCA is not trained in epochs"):
        run_search(manifest, "PCA", tmp_path)
    with pytest.raises(TrainingError, match="no image is in the validation split"):
        small_search(manifest[manifest["split"] != "validation"], tmp_path)


def test_the_model_of_a_trial_is_freed(manifest, tmp_path):
    small_search(manifest, tmp_path, trials=1, space={"dropout": [0.0]}, epochs=1)
    gc.collect()
    assert [reference() for reference in MODELS_BUILT] == [None, None]  # to check the arguments, and for the trial


def test_the_command_searches_trains_and_names_wrong_words(tmp_path):
    from click.testing import CliRunner

    from braintumor_tf.datasets import write_synthetic

    images = write_synthetic(
        tmp_path / "images", patients_per_class=6, slices_per_patient=2, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    out = tmp_path / "out"
    words = [
        "search",
        "--model",
        "CNN",
        "--dataset",
        str(images),
        "--trials",
        "2",
        "--preset",
        "smoke",
        "--out",
        str(out),
    ]
    words += ["--image-size", "32"]
    wrong = CliRunner().invoke(main, [*words, "--only", "rate"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "rate: no such parameter" in wrong.stderr
    done = CliRunner().invoke(main, [*words, "--only", "dropout", "--epochs", "1", "--train"])
    assert done.exit_code == 0, done.output
    assert "best: trial" in done.stdout
    assert (out / "best" / "report.html").is_file()
    config = json.loads((out / "best" / "config.json").read_text())
    assert config["dropout"] == json.loads((out / "search.json").read_text())["dropout"]
    (tmp_path / "space.json").write_text('{"dropout": {"low": 0.0, "high": 0.5}}')
    again = CliRunner().invoke(main, [*words, "--space", str(tmp_path / "space.json"), "--epochs", "1", "--json"])
    assert json.loads(again.stdout)["trials"] == 2
