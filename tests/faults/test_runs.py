"""Runs that two write to, that are not finished, whose images or model have changed, or that answer NaN."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import (
    BrainTumorError,
    BrainTumorWarning,
    EvaluationError,
    ImageReadError,
    ModelError,
    RunError,
    SplitError,
)
from braintumor_tf.evaluation import Ensemble, calibrate_run, load_run_model, predict_manifest, score_robustness
from braintumor_tf.evaluation.prediction.ensemble_weights import combine
from braintumor_tf.evaluation.robustness.run_robustness import robustness
from braintumor_tf.experiments import (
    evaluate_run,
    evaluate_runs,
    predict_files,
    resume_experiment,
    run_ensemble,
    run_experiment,
    run_folds,
    run_ladder,
)
from braintumor_tf.explanation import check_explanations, outside_check
from braintumor_tf.files import file_hash, write_json
from braintumor_tf.notebooks.results import run_folder
from braintumor_tf.runs import LOCK, Run, check_model, keeping_hash, writing_to
from braintumor_tf.training import Preset, Stage, fit
from braintumor_tf.training.callbacks import save_network
from tests.calling import call
from tests.evaluation.made_runs import answers, made_manifest, made_run
from tests.training.toy import small_cnn, toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]
OLD = REPOSITORY / "tests" / "data" / "run_0_1"
PCA = {"image_size": 24, "baselines": False, "resamples": 20, "show_progress": False}
NOISE = {"noises": ["gaussian"], "severities": [1], "resamples": 20, "size": 24, "show_progress": False}
QUIET = {"baselines": False, "show_progress": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory) -> Run:
    return run_experiment(manifest, "PCA", out=tmp_path_factory.mktemp("runs") / "pca", **PCA)


@pytest.fixture
def run(trained, tmp_path) -> Run:
    """A copy, which a test may harm."""
    return Run(shutil.copytree(trained.path, tmp_path / "pca"))


def files(folder: Path) -> dict[str, bytes]:
    """The files below a folder and their content, but for the file of the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK
    }


def refused(words: tuple[object, ...], message: str) -> None:
    """Calls the command line, which has to end with 1 and one line that holds the message."""
    result = call(*words)
    assert result.exit_code == 1 and message in result.stderr, (words, result.stderr, result.exception)
    assert len(lines_of(result.stderr)) == 1 and not result.stdout


def lines_of(text: str) -> list[str]:
    """The lines that stay on a terminal, without the bars that were wiped away."""
    return [line for line in (each.rsplit("\r", 1)[-1] for each in text.split("\n")) if line.strip()]


# === Two that write to one directory ===

HOLDER = """
    import contextlib, sys
    from braintumor_tf.runs import writing_to
    with contextlib.ExitStack() as stack:
        for folder in sys.argv[1:]:
            stack.enter_context(writing_to(folder))
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def held(trained, tmp_path_factory) -> Iterator[tuple[Path, subprocess.Popen]]:
    """A folder with a finished run ``pca``, a begun one ``begun`` and an empty folder ``new``, held by a process."""
    folder = tmp_path_factory.mktemp("held")
    shutil.copytree(trained.path, folder / "pca")
    begun = shutil.copytree(trained.path, folder / "begun")
    (begun / "metrics.json").unlink()
    names = [str(folder / name) for name in ("pca", "begun", "new")]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield folder, process
    process.kill()
    process.wait()


DATA = ("--dataset", "synthetic", "--no-baselines")
WRITING: dict[str, Callable[[Path, Run, pd.DataFrame], object]] = {
    "train": lambda at, run, rows: refuse_call("train", "--model", "PCA", *DATA, "--out", at / "new"),
    "train kfold": lambda at, run, rows: refuse_call(
        "train", "--model", "PCA", *DATA, "--protocol", "kfold", "--out", at / "new"
    ),
    "train --ladder": lambda at, run, rows: refuse_call(
        "train", "--model", "PCA", *DATA, "--ladder", "--out", at / "new"
    ),
    "train --resume": lambda at, run, rows: refuse_call("train", "--resume", at / "begun"),
    "evaluate --noise": lambda at, run, rows: refuse_call("evaluate", at / "pca", "--noise", "gaussian"),
    "evaluate --out": lambda at, run, rows: refuse_call("evaluate", run.path, "--views", 2, "--out", at / "new"),
    "explain --check": lambda at, run, rows: refuse_call("explain", at / "pca", "--check"),
    "run_experiment": lambda at, run, rows: run_experiment(rows, "PCA", out=at / "new", **PCA),
    "the best of a search": lambda at, run, rows: run_experiment(rows, "PCA", out=at / "begun", resume=True, **PCA),
    "run_folds": lambda at, run, rows: run_folds(rows, "PCA", out=at / "new", folds=2, **PCA),
    "resumed folds": lambda at, run, rows: run_folds(rows, "PCA", out=at / "new", folds=2, resume=True, **PCA),
    "run_ladder": lambda at, run, rows: run_ladder(rows, "PCA", out=at / "new", **PCA),
    "run_ensemble": lambda at, run, rows: run_ensemble([run], at / "new", views=2, **QUIET),
    "resume_experiment": lambda at, run, rows: resume_experiment(at / "begun", show_progress=False),
    "score_robustness": lambda at, run, rows: score_robustness(at / "pca", **NOISE),
    "check_explanations": lambda at, run, rows: check_explanations(at / "pca", show_progress=False),
    "calibrate_run": lambda at, run, rows: calibrate_run(at / "pca"),
    "a notebook": lambda at, run, rows: run_folder(at, "pca"),
}


def refuse_call(*words: object) -> None:
    """Raises what a command of the command line says where it is refused."""
    result = call(*words)
    lines = lines_of(result.stderr)
    assert result.exit_code == 1 and len(lines) == 1 and not result.stdout, (result.stderr, result.exception)
    raise RunError(lines[0].removeprefix("braintumor-tf: "))


@pytest.mark.parametrize("command", WRITING)
def test_what_another_process_writes_to_is_refused_and_left_alone(held, trained, manifest, command):
    folder, _ = held
    before = files(folder)
    with pytest.raises(RunError, match="another process is writing to it"):
        WRITING[command](folder, trained, manifest)
    assert files(folder) == before


def test_a_killed_process_leaves_no_lock(held):
    folder, process = held
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "pca" / LOCK).exists()  # the file alone
    with writing_to(folder / "pca"), writing_to(folder / "new"):
        pass
    assert not (folder / "pca" / LOCK).exists() and (folder / "new").is_dir()


def test_a_thread_may_ask_again_for_what_it_holds_and_another_may_not(tmp_path):
    found: list[BaseException | None] = []

    def other() -> None:
        try:
            with writing_to(tmp_path / "a" / "run"):
                found.append(None)
        except RunError as error:
            found.append(error)

    with writing_to(tmp_path / "a" / "run"), writing_to(tmp_path / "a" / "run"):
        pass
    assert not (tmp_path / "a").exists()  # nothing was written there
    with writing_to(tmp_path / "a" / "run"):
        with writing_to(tmp_path / "a" / "run"):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert isinstance(found[0], RunError)
    other()
    assert found[1] is None


# === What is not finished ===


@pytest.fixture
def begun(run) -> Run:
    (run.path / "metrics.json").unlink()
    return run


UNFINISHED = {
    "predict": lambda run, rows: ("predict", run.path, rows["path"].iloc[0]),
    "evaluate": lambda run, rows: ("evaluate", run.path),
    "evaluate --noise": lambda run, rows: ("evaluate", run.path, "--noise", "gaussian"),
    "evaluate --out": lambda run, rows: ("evaluate", run.path, "--views", 2, "--out", run.path.parent / "out"),
    "explain": lambda run, rows: ("explain", run.path, rows["path"].iloc[0], "--out", run.path.parent / "plots"),
    "explain --check": lambda run, rows: ("explain", run.path, "--check"),
    "compare": lambda run, rows: ("compare", run.path, run.path.parent / "pca"),
    "train": lambda run, rows: ("train", "--model", "PCA", "--dataset", "synthetic", "--out", run.path),
}


@pytest.mark.parametrize("command", UNFINISHED)
def test_an_unfinished_run_is_not_used_and_not_overwritten(begun, manifest, command):
    before = files(begun.path.parent)
    refused(UNFINISHED[command](begun, manifest), f"finish it with train --resume {begun.path}")
    assert files(begun.path.parent) == before


@pytest.mark.parametrize(
    "ask",
    [
        lambda run, rows: load_run_model(run),
        lambda run, rows: predict_manifest(run, rows),
        lambda run, rows: predict_files(run, rows["path"][:1]),
        lambda run, rows: predict_files(run, rows["path"][:1], abstain=True),
        lambda run, rows: evaluate_run(run, **QUIET),
        lambda run, rows: robustness(run, rows, **NOISE),
        lambda run, rows: check_explanations(run),
        lambda run, rows: run_ensemble([run], run.path.parent / "out"),
    ],
)
def test_an_unfinished_run_is_not_used_by_any_function(begun, manifest, ask):
    with pytest.raises(RunError, match="not finished; finish it with"):
        ask(begun, manifest)


def test_the_way_on_is_that_of_the_whole(manifest, tmp_path):
    fold = Run.create(tmp_path / "folds" / "fold_1", {"fold": 1}, manifest)
    pair = Run.create(tmp_path / "pair", {"members": ["a", "b"]}, manifest)
    for check in (Run.refuse_unfinished, Run.refuse_if_taken):
        with pytest.raises(RunError, match=f"train --resume {tmp_path / 'folds'}(,|$)"):
            check(fold)
        with pytest.raises(RunError, match="make the ensemble anew"):
            check(pair)
    with pytest.raises(RunError, match="make the ensemble anew"):
        resume_experiment(pair)


def test_what_was_interrupted_is_finished_by_the_way_that_is_named(begun, trained):
    result = call("train", "--resume", begun.path)
    assert result.exit_code == 0 and begun.metrics["macro_f1"] == trained.metrics["macro_f1"]


def test_what_fails_at_its_very_start_leaves_nothing_behind(run, manifest, tmp_path):
    out = tmp_path / "new" / "out"
    few = manifest.groupby("label").head(2).assign(group="", pixel_hash=lambda rows: rows["label"])
    with pytest.raises(SplitError):
        run_ladder(few, "PCA", out=out, **PCA)
    with pytest.raises(BrainTumorError, match="no image is in the validation split"):
        run_experiment(manifest[manifest["split"] != "validation"], "PCA", out=out, **PCA)
    gone = manifest.assign(path=manifest["path"].mask(manifest["split"] == "train", "/nowhere.png"))
    with pytest.raises(ImageReadError, match="nowhere"):
        run_folds(gone, "PCA", out=out, folds=2, **PCA)
    next(run.path.glob("model.skops")).unlink()
    with pytest.raises(RunError, match=r"no model\.keras"):
        run_ensemble([run], out, **{**QUIET, "resamples": 0})
    assert not out.parent.exists()


def test_a_ladder_that_cannot_be_trained_leaves_nothing_behind(manifest, tmp_path):
    settings = {**PCA, "image_size": 32}
    with pytest.raises(BrainTumorError, match="no weights file"):
        run_ladder(manifest, "MobileNetV2-0.35", out=tmp_path / "out", weights="/no/file.h5", **settings)
    assert not (tmp_path / "out").exists()


# === Images that are not those of the scan ===


@pytest.fixture
def own(manifest, tmp_path) -> Callable[[str], tuple[pd.DataFrame, Path]]:
    """Copies the images, and returns their manifest and the file of the first one of a split."""

    def copy(split: str) -> tuple[pd.DataFrame, Path]:
        folder = Path(shutil.copytree(Path(manifest["path"].iloc[0]).parent, tmp_path / "images"))
        rows = manifest.assign(path=[str(folder / Path(path).name) for path in manifest["path"]])
        return rows, Path(rows.loc[rows["split"] == split, "path"].iloc[0])

    return copy


def other_content(path: Path) -> None:
    """Adds a byte after the picture of a file: it reads as before, and is another file; its time stays."""
    status = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


TRAINING = {
    "run_experiment": lambda rows, out: run_experiment(rows, "PCA", out=out, **PCA),
    "resumed": lambda rows, out: run_experiment(rows, "PCA", out=out, resume=True, **PCA),
    "run_folds": lambda rows, out: run_folds(rows, "PCA", out=out, folds=2, **PCA),
    "run_ladder": lambda rows, out: run_ladder(rows, "PCA", out=out, **PCA),
    "fit": lambda rows, out: fit(small_cnn(), rows, show_progress=False),
}


@pytest.mark.parametrize("fault", ["changed", "deleted"])
@pytest.mark.parametrize("start", TRAINING)
def test_nothing_is_trained_on_an_image_that_is_not_that_of_the_scan(own, tmp_path, start, fault):
    rows, file = own("train")
    file.unlink() if fault == "deleted" else other_content(file)
    with pytest.raises(ImageReadError) as error:
        TRAINING[start](rows, tmp_path / "out")
    reason = "no such file" if fault == "deleted" else "its content is no longer that of the manifest"
    assert error.value.path == str(file) and error.value.reason.startswith(reason)
    assert not (tmp_path / "out").exists()


def test_a_search_is_not_begun_on_an_image_that_is_not_that_of_the_scan(own, tmp_path):
    pytest.importorskip("optuna")
    from braintumor_tf.training import run_search

    rows, file = own("validation")
    other_content(file)
    with pytest.raises(ImageReadError, match="no longer that of the manifest"):
        run_search(rows, "CNN", out=tmp_path / "out", trials=1, show_progress=False)
    assert not (tmp_path / "out").exists()


SCORING = {
    "predict_manifest": lambda run: predict_manifest(run, run.manifest, show_progress=False),
    "evaluate_run": lambda run: evaluate_run(run, **QUIET),
    "evaluate_runs": lambda run: evaluate_runs([run, run], weights="equal", views=2, **QUIET),
    "robustness": lambda run: robustness(run, **NOISE),
    "check_explanations": lambda run: check_explanations(run, show_progress=False),
    "outside_check": lambda run: outside_check(load_run_model(run), run.manifest, show_progress=False),
    "run_ensemble": lambda run: run_ensemble([run], run.path.parent / "out", views=2, **QUIET),
}


@pytest.mark.parametrize("fault", ["changed", "deleted"])
@pytest.mark.parametrize("score", SCORING)
def test_nothing_is_scored_on_an_image_that_is_not_that_of_the_scan(run, own, score, fault):
    rows, file = own("test")
    rows.to_csv(run.path / "manifest.csv", index=False)
    predictions = run.predictions
    run.write_predictions(predictions.assign(path=[str(file.parent / Path(path).name) for path in predictions["path"]]))
    check_contents(rows)  # all is well, and known to be
    file.unlink() if fault == "deleted" else other_content(file)
    before = files(run.path)
    with pytest.raises(ImageReadError) as error:
        SCORING[score](run)
    assert error.value.path == str(file)
    assert files(run.path) == before and not (run.path.parent / "out").exists()


def test_baselines_are_not_fitted_on_other_training_images(run, own):
    rows, file = own("train")
    rows.to_csv(run.path / "manifest.csv", index=False)
    other_content(file)
    with pytest.raises(ImageReadError, match=file.name):
        evaluate_run(run, show_progress=False)


def test_a_file_is_read_again_only_where_its_size_or_its_time_has_changed(own, monkeypatch):
    rows, file = own("test")
    read = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or real(path))
    check_contents(rows)
    check_contents(rows)
    assert len(read) == len(rows)
    os.utime(file, ns=(0, 0))
    check_contents(rows)
    assert read[len(rows) :] == [file]
    check_contents(rows.assign(md5=""))  # nothing is known, nothing is read
    check_contents(rows.assign(path="/nowhere.png", split="overlap"))
    assert len(read) == len(rows) + 1


# === The model of a run ===


def test_the_hash_of_the_model_is_kept_in_the_format_of_sha256sum(trained):
    content = (trained.path / "model.skops").read_bytes()
    expected = f"{hashlib.sha256(content).hexdigest()}  model.skops\n"
    assert (trained.path / "model.sha256").read_text() == expected


@pytest.fixture(scope="module")
def other_model(manifest, tmp_path_factory) -> Path:
    """The model of another run on the same classes and the same size."""
    out = tmp_path_factory.mktemp("other") / "pca"
    swapped = manifest.assign(split=manifest["split"].replace({"validation": "test", "test": "validation"}))
    return run_experiment(swapped, "PCA", out=out, **PCA).path / "model.skops"


USING = {
    "predict": lambda run: ("predict", run.path, run.predictions["path"][0]),
    "predict --abstain": lambda run: ("predict", run.path, run.predictions["path"][0], "--abstain"),
    "evaluate": lambda run: ("evaluate", run.path, "--no-baselines"),
    "evaluate two": lambda run: ("evaluate", run.path, run.path, "--no-baselines"),
    "evaluate --noise": lambda run: ("evaluate", run.path, "--noise", "gaussian", "--severity", "1"),
    "explain": lambda run: ("explain", run.path, run.predictions["path"][0], "--out", run.path.parent / "plots"),
    "explain --check": lambda run: ("explain", run.path, "--check"),
    "compare --time": lambda run: ("compare", run.path, kept(run), "--time", "--out", run.path.parent / "plots"),
}


def kept(run: Run) -> Path:
    """A second finished run, that nothing is wrong with, on the same images."""
    return made_run(run.path.parent / "made", run.manifest, 2.0, 1).path


@pytest.mark.parametrize("command", USING)
def test_another_model_in_a_run_is_refused(run, other_model, command):
    shutil.copy(other_model, run.path / "model.skops")
    refused(USING[command](run), f"{run.path / 'model.skops'}: is not the model of this run")


@pytest.mark.parametrize(
    ("name", "value"), [("classes", ["tumor", "no_tumor"]), ("image_size", [32, 32]), ("crop", "head")]
)
def test_a_model_with_other_classes_or_another_input_is_refused(run, name, value):
    write_json(run.path / "config.json", {**run.config, name: value})
    for words in (USING["predict"](run), USING["explain"](run)):
        refused(words, f"{run.path}: its model has the {name}")


def test_a_member_with_another_model_is_refused(run, other_model, tmp_path):
    kept = run_ensemble([run], tmp_path / "views", views=2, resamples=0, **QUIET)
    assert isinstance(load_run_model(kept), Ensemble)
    shutil.copy(other_model, run.path / "model.skops")
    refused(("predict", kept.path, kept.predictions["path"][0]), "is not the model of this run")
    with keeping_hash(run.path / "model.skops") as temporary:  # as a training anew would
        shutil.copy(other_model, temporary)
    refused(("predict", kept.path, kept.predictions["path"][0]), "make the ensemble anew")


def test_a_training_does_not_go_on_from_another_model(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {}, manifest)
    how = {"run": run, "preset": Preset((Stage(epochs=1),), batch_size=48), "show_progress": False}
    fit(small_cnn(), manifest, **how)
    fit(small_cnn(), manifest, **how, resume=True)
    save_network(small_cnn(seed=1), run.path / "model.keras")
    with pytest.raises(ModelError, match=r"model\.keras: is not the model of this run"):
        fit(small_cnn(), manifest, **how, resume=True)


@pytest.mark.parametrize("moment", ["new hash", "model", "old hash", "done"])
def test_a_model_that_is_replaced_has_its_hash_at_every_moment(tmp_path, monkeypatch, moment):
    """The process ends before one of the files is put in its place; what is there is a whole model of the run."""
    path = tmp_path / "model.keras"
    for content in (b"first", b"second"):
        if content == b"second":
            _end_before(["new hash", "model", "old hash", "done"].index(moment), monkeypatch)
        try:
            with keeping_hash(path) as temporary:
                temporary.write_bytes(content)
        except KeyboardInterrupt:
            assert moment != "done"
    monkeypatch.undo()
    check_model(path)
    assert path.read_bytes() == (b"first" if moment in ("new hash", "model") else b"second")
    with keeping_hash(path) as temporary:
        temporary.write_bytes(b"third")
    assert (tmp_path / "model.sha256").read_text() == f"{file_hash(path, 'sha256')}  model.keras\n"
    path.write_bytes(b"first")
    with pytest.raises(ModelError, match="is not the model"):
        check_model(path)


def _end_before(count: int, monkeypatch) -> None:
    real, done = os.replace, []

    def replace(source: str, target: str) -> None:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(target)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"0" * 64, b"0" * 64 + b"  model.keras\n"])
def test_a_file_of_hashes_without_that_of_the_model_is_named(run, content):
    (run.path / "model.sha256").write_bytes(content)
    refused(("predict", run.path, run.predictions["path"][0]), "model.sha256: holds no SHA-256 of model.skops")


@pytest.mark.parametrize("name", ["pca", "cnn"])
def test_a_run_of_version_0_1_opens_and_says_once_that_its_model_cannot_be_checked(tmp_path, manifest, name):
    old = shutil.copytree(OLD / name, tmp_path / name)
    before = files(old)
    words = ("predict", old, manifest["path"].iloc[0])
    first, second = call(*words), call(*words)
    assert first.exit_code == second.exit_code == 0 and first.stdout == second.stdout
    (line,) = [line for line in first.stderr.splitlines() if "braintumor-tf" in line]
    assert line.startswith(f"braintumor-tf: {old}") and "cannot be checked" in line
    assert "braintumor-tf" not in second.stderr
    assert files(old) == before
    again = shutil.copytree(old, tmp_path / "again")
    with pytest.warns(BrainTumorWarning, match=r"no model\.sha256"):
        load_run_model(Run(again))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_run_model(Run(again))


# === Answers that are no probabilities ===


@pytest.fixture(scope="module")
def nothing(manifest, tmp_path_factory) -> Run:
    """A finished run whose model answers NaN to every image."""
    settings = {"image_size": [32, 32], "crop": None, "dataset": "toy"}
    run = made_run(tmp_path_factory.mktemp("nan") / "cnn", manifest, **settings)
    run.write_predictions(pd.concat([answers(manifest.assign(split="test"), 2.0, 0)]).assign(split=manifest["split"]))
    network = small_cnn()
    network.set_weights([np.full_like(weight, np.nan) for weight in network.get_weights()])
    with keeping_hash(run.path / "model.keras") as temporary:
        save_network(network, temporary)
    return run


NAN = {
    "predict": lambda run: ("predict", run.path, run.predictions["path"][0]),
    "predict --abstain": lambda run: ("predict", run.path, run.predictions["path"][0], "--abstain"),
    "evaluate": lambda run: ("evaluate", run.path, "--no-baselines"),
    "evaluate --noise": lambda run: ("evaluate", run.path, "--noise", "gaussian", "--severity", "1"),
    "evaluate --out": lambda run: ("evaluate", run.path, "--views", 2, "--out", run.path.parent / "out"),
    "explain": lambda run: ("explain", run.path, run.predictions["path"][0], "--out", run.path.parent / "plots"),
    "explain --check": lambda run: ("explain", run.path, "--check"),
}


@pytest.mark.parametrize("command", NAN)
def test_a_model_with_nan_weights_answers_nothing(nothing, command):
    before = files(nothing.path)
    refused(NAN[command](nothing), "answers are no probabilities")
    assert files(nothing.path) == before and not (nothing.path.parent / "out").exists()


class Half:
    """A model of somebody else's that answers with whatever it is given."""

    classes, image_size, channels, crop = CLASSES, (24, 24), 1, None

    def __init__(self, answer: list[float]):
        self.answer = answer

    def predict_images(self, images, *, batch_size=64):
        return np.tile(self.answer, (len(images), 1))


@pytest.mark.parametrize("answer", [[np.nan, 0, 0, 1], [np.inf, 0, 0, 0], [-0.5, 0.5, 0.5, 0.5], [0.5, 0, 0, 0]])
def test_what_is_no_probability_is_refused_from_every_model(manifest, answer):
    test = manifest[manifest["split"] == "test"]
    for model in (Half(answer), Ensemble([Half(answer), Half([1, 0, 0, 0])], [0, 1])):
        with pytest.raises(EvaluationError, match="no probabilities|no finite number"):
            predict_manifest(model, test, show_progress=False)
        with pytest.raises(EvaluationError, match="no probabilities"):
            robustness(model, test, **NOISE)
    with pytest.raises(EvaluationError, match="no probabilities"):
        model.predict_images(np.zeros((2, 24, 24, 1)))


def test_a_table_with_nan_is_not_ranked_not_calibrated_and_in_no_ensemble(manifest, tmp_path):
    images = made_manifest(30)
    runs = [made_run(tmp_path / name, images, 2.0, seed) for seed, name in enumerate("ab")]
    tables = [run.predictions for run in runs]
    tables[1].loc[0, "p_glioma"] = np.nan
    runs[1].write_predictions(tables[1])
    refused(("compare", *(run.path for run in runs), "--out", tmp_path / "plots"), f"{runs[1].path}")
    with pytest.raises(EvaluationError, match="no finite number"):
        combine(tables)
    for ask in (
        lambda: run_ensemble(runs, tmp_path / "out", weights="equal", baselines=False),
        lambda: calibrate_run(runs[1]),
    ):
        with pytest.raises(BrainTumorError, match=str(runs[1].path)):
            ask()
    assert not (tmp_path / "out").exists()
