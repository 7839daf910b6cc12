"""The command ``train``: what it writes and prints, what it takes, and going on where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import asdict

import keras
import pandas as pd

from braintumor_tf.augment.noise import from_description, training_noise
from braintumor_tf.datasets.labels import BINARY_CLASSES
from braintumor_tf.files import file_hash, to_json
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, fitting
from tests.calling import call


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
        assert call("train", *words, "--out", out).exit_code == 130
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
