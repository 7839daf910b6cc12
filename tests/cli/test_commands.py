"""The commands train, evaluate and predict, on a small synthetic set."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import keras
import pandas as pd
import pytest
from click.testing import Result

from braintumor_tf.augment.noise import from_description, training_noise
from braintumor_tf.datasets import scan, write_synthetic
from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.experiments import evaluate_run
from braintumor_tf.files import file_hash, to_json
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, fitting
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
    noise = ("--noise", "gaussian,speckle", "--severity", "1-3", "--noise-probability", 0.5, "--noise-size", 48)
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
    assert from_description(config["noise"]) == training_noise(
        ["gaussian", "speckle"], (1, 2, 3), probability=0.5, size=48
    )
    assert config["training"]["stages"][-1]["epochs"] == 1 and len(run.history) == 1


def test_a_severity_out_of_range_is_refused_before_anything_is_read():
    result = call("train", "--model", "CNN", "--dataset", "nowhere", "--noise", "gaussian", "--severity", "1-6")
    assert result.exit_code == 1 and "1 to 5" in result.stderr


def test_a_size_of_no_noise_is_refused():
    result = call("train", "--model", "CNN", "--dataset", "nowhere", "--noise-size", 224)
    assert result.exit_code == 2 and "goes with --noise" in result.stderr


def test_options_of_the_model_and_a_preset_file_are_kept_with_the_run(folder, tmp_path):
    file, best = tmp_path / "made.h5", tmp_path / "best.json"
    keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(32, 32, 3)).save(file)
    preset = Preset((Stage("head", 1, 0.005, trains="head"),), label_smoothing=0.15, precision="mixed_bfloat16")
    best.write_text(to_json(preset.to_dict()))
    words = ("--model", "MobileNetV2-0.35", "--dataset", folder, "--image-size", 32, "--no-baselines", "--binary")
    options = ("--weights", file, "--dropout", 0.3, "--precision", "float32", "--preset", best, "--trains", 2)
    result = call("train", *words, *options, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    run = Run(tmp_path / "run")
    config = run.config
    assert tuple(config["classes"]) == BINARY_CLASSES and set(run.manifest["label"]) == set(BINARY_CLASSES)
    assert (config["weights"], config["weights_used"]["source"]) == (str(file), "file")
    assert config["weights_used"]["sha256"] == file_hash(file, "sha256")
    assert config["dropout"] == load_network(run.file("model.keras")).get_layer("dropout").rate == 0.3
    stages = [{**asdict(preset.stages[0]), "trains": 2}]
    expected = {**preset.to_dict(), "precision": "float32", "stages": stages}  # the options replace the file's
    assert config["training"] == json.loads(to_json(expected)) and config["baselines"] == []


def test_resume_goes_on_where_a_training_was_interrupted(folder, tmp_path, monkeypatch):
    class Interrupted(fitting.PinEpoch):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    out = tmp_path / "run"
    words = ("--model", "CNN", "--dataset", folder, "--preset", "smoke", "--image-size", 32, "--no-baselines")
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "PinEpoch", Interrupted)
        assert call("train", *words, "--out", out).exit_code == 1
    run = Run(out)
    first = run.history
    assert list(first["epoch"]) == [1] and not run.finished
    result = call("train", "--resume", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"report: {(out / 'report.html').resolve()}"
    assert run.finished and list(run.history["epoch"]) == [1, 2]
    pd.testing.assert_frame_equal(run.history.head(1), first)  # its seconds too: the epoch was not trained again


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
