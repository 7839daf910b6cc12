"""The commands train, evaluate and predict, on a small synthetic set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from braintumor_tf.augment.noise import from_description, training_noise
from braintumor_tf.datasets import scan, write_synthetic
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import evaluate_run
from braintumor_tf.runs import Run
from tests.calling import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_synthetic(
        tmp_path_factory.mktemp("data") / "set", patients_per_class=6, slices_per_patient=2, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory) -> tuple[Result, Run]:
    out = tmp_path_factory.mktemp("models") / "cnn"
    words = ("--model", "CNN", "--dataset", folder, "--preset", "smoke", "--epochs", 1, "--image-size", 32)
    noise = ("--noise", "gaussian,speckle", "--severity", "1-3", "--noise-probability", 0.5)
    result = call("train", *words, *noise, "--seed", 3, "--no-baselines", "--out", out)
    return result, Run(out)


def test_train_writes_a_run_and_prints_its_report(trained, folder):
    result, run = trained
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"report: {(run.path / 'report.html').resolve()}"
    assert "Macro-F1" in result.stdout and (run.path / "report.html").is_file()
    config = run.config
    assert (config["model"], config["protocol"], config["seed"], config["image_size"]) == (
        "CNN",
        "grouped",
        3,
        [32, 32],
    )
    assert config["dataset"] == str(folder)
    assert from_description(config["noise"]) == training_noise(["gaussian", "speckle"], (1, 2, 3), 0.5)
    assert config["training"]["stages"][-1]["epochs"] == 1 and len(run.history) == 1


def test_a_severity_out_of_range_is_refused_before_anything_is_read():
    result = call("train", "--model", "CNN", "--dataset", "nowhere", "--noise", "gaussian", "--severity", "1-6")
    assert result.exit_code == 1 and "1 to 5" in result.stderr


def test_resume_of_a_finished_run_leaves_it_and_prints_its_report(trained):
    _, run = trained
    before = run.metrics
    result = call("train", "--resume", run.path)
    assert result.exit_code == 0 and "report.html" in result.stdout and run.metrics == before


def test_evaluate_finds_the_scores_of_the_run_again(trained):
    _, run = trained
    result = call("evaluate", run.path, "--json", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["accuracy"] == run.metrics["accuracy"] and found["macro_f1"] == run.metrics["macro_f1"]
    assert found["overlap"] == 0 and found["images"] == run.metrics["images"]


def test_evaluate_on_another_data_set_leaves_out_what_was_trained_on(trained, folder, tmp_path):
    _, run = trained
    other = write_synthetic(
        tmp_path / "other", patients_per_class=4, slices_per_patient=2, seed=9, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    manifest = run.manifest
    places = {row.label: Path(row.path).parent for row in scan(other, show_progress=False).manifest.itertuples()}
    seen = manifest[manifest["split"].isin(["train", "validation"])].head(3)
    for number, row in enumerate(seen.itertuples()):
        shutil.copy(row.path, places[row.label] / f"copy_{number}{Path(row.path).suffix}")
    result = call("evaluate", run.path, "--dataset", other)
    assert result.exit_code == 0, result.stderr
    left_out = int(result.stdout.split()[0])
    assert left_out == 3 and "baseline" in result.stdout
    found = evaluate_run(run, pd.concat([manifest.assign(split=""), manifest.assign(split="")]), baselines=False)
    assert found.metrics["images"] == 2 * run.metrics["images"] and found.metrics["twins"]["share"]["value"] == 0


def test_predict_names_class_and_probabilities_and_what_cannot_be_read(trained, tmp_path):
    _, run = trained
    images = list(run.predictions["path"][:2])
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    result = call("predict", run.path, images[0], broken, images[1], "--json")
    assert result.exit_code == 1
    assert sum(str(broken) in line for line in result.stderr.splitlines()) == 1  # a slow machine also shows a bar
    first, second, error = json.loads(result.stdout)
    assert [first["path"], second["path"], error["path"]] == [*images, str(broken)] and error["error"]
    assert list(first["probabilities"]) == list(CLASSES) and sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["predicted"] == run.predictions["predicted"][0]
    result = call("predict", run.path, images[0])
    assert result.exit_code == 0 and result.stdout.startswith(f"{images[0]}: {first['predicted']} (glioma 0.")


def test_predict_can_say_that_it_does_not_know(trained):
    _, run = trained
    images = list(run.predictions["path"][:3])
    assert run.calibration["classes"] == list(CLASSES)
    plain, known, sure = (
        json.loads(call("predict", run.path, *images, "--json", *words).stdout)
        for words in ((), ("--coverage", 0.5), ("--abstain",))
    )
    for before, after, cautious in zip(plain, known, sure):
        assert all(after[key] == cautious[key] == before[key] for key in before) and "answer" not in before
        assert after["answer"] == (after["set"][0] if len(after["set"]) == 1 else "unknown")
        assert set(after["set"]) <= set(cautious["set"])  # 0.9 asks for more than 0.5
        calibrated = after["calibrated_probabilities"]
        assert max(calibrated, key=calibrated.get) == before["predicted"]
    # a validation of so few groups can promise nothing at 0.9999: every class is plausible
    result = call("predict", run.path, images[0], "--coverage", 0.9999)
    assert (
        result.exit_code == 0 and "unknown, plausible: glioma or meningioma or no_tumor or pituitary" in result.stdout
    )
    result = call("predict", run.path, images[0], "--abstain", "--views", 2)
    assert result.exit_code == 1 and "leave views out" in result.stderr
    assert call("predict", run.path, images[0], "--coverage", 1).exit_code == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train"], 2, "--resume RUN"),
        (["train", "--resume", "somewhere", "--epochs", "3"], 2, "leave out --epochs"),
        (["train", "--resume", "/no/such/run"], 1, "not a run directory"),
        (["train", "--model", "VGG", "--dataset", "synthetic"], 1, "'VGG' is no model"),
        (["train", "--model", "CNN", "--dataset", "/no/such/set"], 1, "neither a folder"),
        (["train", "--model", "CNN", "--dataset", "synthetic", "--preset", "fast"], 1, "scratch"),
        (["train", "--model", "CNN", "--dataset", "synthetic", "--noise", "snow"], 1, "gaussian"),
        (["evaluate", "/no/such/run"], 1, "not a run directory"),
        (["predict", "/no/such/run", "image.png"], 1, "not a run directory"),
    ],
)
def test_wrong_words_are_named(words, code, message):
    result = call(*words)
    assert result.exit_code == code and message in result.stderr
    assert code == 2 or len(result.stderr.strip().splitlines()) == 1
