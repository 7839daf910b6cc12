"""Several devices and several processes train as one does, also on kept features, and only the first process writes."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets import write_manifest
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import TrainingError, on_devices
from braintumor_tf.training.devices.devices import join_processes, resolve_devices
from tests.training.toy import toy_manifest

REPOSITORY = Path(__file__).resolve().parents[3]
TIME_LIMIT = 900
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")

# Two stages, augmentation, class weights, clipping that bites, validation and a last batch of 3 for two devices.
COMMON = """
    import json, signal, sys
    signal.alarm(900)  # also where nobody is left to wait for this process
    from dataclasses import replace
    from pathlib import Path
    import keras
    import numpy as np
    from braintumor_tf.datasets import read_manifest
    from braintumor_tf.datasets.labels import CLASSES
    from braintumor_tf.errors import BrainTumorError
    from braintumor_tf.models.architectures.cnn import ConvolutionBlock, build_cnn
    from braintumor_tf.runs import Run
    from braintumor_tf.training import Preset, Stage, TrainingError, fit, join_processes, on_devices
    from braintumor_tf.types import ModelConfig

    folder = Path(sys.argv[1])
    manifest = read_manifest(folder / "toy.csv")
    preset = Preset(
        (Stage("head", 2, trains="head", warmup=0.0), Stage("fine_tuning", 1, 1e-3, trains=2)),
        batch_size=24, weight_decay=0.01, class_weights="balanced", clip_norm=0.2, monitor="val_loss",
        augmentation={"rotation_range": 10},
    )
    kept = replace(preset, stages=(replace(preset.stages[0], views=2), preset.stages[1]))

    def network(dropout=0.0):
        config = ModelConfig(classes=CLASSES, image_size=(32, 32), dropout=dropout, seed=0)
        return build_cnn(config, blocks=(ConvolutionBlock(8), ConvolutionBlock(8)))

    class Last(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.weights = self.model.get_weights()

    def train(name, devices=None, dropout=0.0, make=True, **options):
        run = Run.create(folder / name, {}, manifest) if make else Run(folder / name)
        last = Last()
        with on_devices(devices) as names:
            options = {"preset": preset, "show_progress": False, "callbacks": [last], **options}
            trained = fit(network(dropout), manifest, run=run, **options)
        if run.path.exists():
            np.savez(run.path / "last.npz", *last.weights)
        return names, trained

    def say(*values):
        print("ANSWER", json.dumps(values))

    def refused(name, call):
        try:
            call()
        except BrainTumorError as error:
            say(name, str(error))
"""

MIRRORED = """
    import tensorflow as tf
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

    train("one")
    names, trained = train("two", "all")
    assert names == ("cpu:0", "cpu:1"), names
    assert not any(getattr(layer, "synchronized", False) for layer in trained.model.layers)
    train("two_kept", "all", preset=kept)
    train("listed", ["cpu:0", "cpu:1"], dropout=0.5, preset=preset, epochs=[1, 1], batch_size=74)  # last batch: 1
    refused("outside", lambda: fit(trained.model, manifest, preset=preset))

    def elsewhere():
        model = network()
        with on_devices("all"):
            fit(model, manifest, preset=preset)

    def unknown(*names):
        with on_devices(names):
            pass

    refused("elsewhere", elsewhere)
    refused("unknown", lambda: unknown("cpu:0", "gpu:7"))
    refused("twice", lambda: unknown("cpu:0", "cpu:0"))
"""

SHARDED = """
    train("jax_one", dropout=0.5)
    names, trained = train("jax_two", "all", preset=kept, dropout=0.5)
    assert names == ("cpu:0", "cpu:1"), names
    refused("outside", lambda: fit(trained.model, manifest, preset=preset))
"""

SEVERAL = """
    from braintumor_tf.experiments import run_experiment
    from braintumor_tf.training.devices.devices import is_first_process, processes
    from tests.training.toy import small_cnn_in_the_registry

    address, number, shared = sys.argv[2], int(sys.argv[3]), sys.argv[4] == "shared"
    join_processes(address, num_processes=2, process_id=number)
    assert processes() == 2 and is_first_process() == (number == 0)
    folder = folder if number == 0 or shared else folder / "other_host"
    refused("devices", lambda: train("none", ["cpu:0"], make=False))
    _, trained = train("processes", make=number == 0, preset=kept, dropout=0.5)
    say(number, [float(np.abs(weight).sum()) for weight in trained.model.get_weights()])
    refused("apart", lambda: train("processes", make=False, resume=True))
    with small_cnn_in_the_registry():
        run = run_experiment(
            manifest, "CNN", out=folder / "scored", image_size=32, preset="smoke", epochs=1, batch_size=75,
            baselines=False, resamples=20, show_progress=False,
        )
    assert run.finished == (number == 0 or shared)
"""


def _environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}


def _python(code: str, *arguments: Any, **variables: str) -> subprocess.Popen:
    lines = "\n".join(line.removeprefix("    ") for line in (COMMON + code).splitlines())
    command = [sys.executable, "-c", lines, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=_environment(**variables), **pipes)


def _finish(*processes: subprocess.Popen) -> list[list[Any]]:
    """Waits for all, kills what outlives the limit, and returns what each had to say."""
    try:
        answers = [process.communicate(timeout=TIME_LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(processes, answers, strict=True):
        assert process.returncode == 0, errors[-3000:]
    lines = [[line for line in out.splitlines() if line.startswith("ANSWER ")] for out, _ in answers]
    return [[json.loads(line.removeprefix("ANSWER ")) for line in each] for each in lines]


def _assert_equal_runs(run: Path, expected: Path) -> None:
    best = [load_network(path / "model.keras").get_weights() for path in (run, expected)]
    last = [list(np.load(path / "last.npz").values()) for path in (run, expected)]
    for weight, wanted in [*zip(*best, strict=True), *zip(*last, strict=True)]:
        np.testing.assert_allclose(weight, wanted, rtol=0, atol=1e-5)
    histories = [Run(path).history.drop(columns="seconds") for path in (run, expected)]
    assert len(histories[0]) == 3 and histories[0]["loss"].nunique() == 3
    pd.testing.assert_frame_equal(*histories, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Holds ``toy.csv``: 75 training images, so that the last of four batches has 3."""
    path = tmp_path_factory.mktemp("distribution")
    manifest = toy_manifest(path / "images")
    write_manifest(path / "toy.csv", manifest.drop(manifest.index[manifest["split"] == "train"][:21]))
    return path


def test_two_devices_under_mirrored_strategy_train_as_one(folder):
    answers = dict(_finish(_python(MIRRORED, folder, KERAS_BACKEND="tensorflow"))[0])
    for name in ("two", "two_kept"):
        _assert_equal_runs(folder / name, folder / "one")
    losses = Run(folder / "listed").history[["loss", "val_loss"]]
    assert np.isfinite(losses.to_numpy()).all()  # a last batch of one image leaves a device without any
    assert "on_devices" in answers["outside"] and "on_devices" in answers["elsewhere"]
    assert "gpu:7" in answers["unknown"] and "cpu:0, cpu:1" in answers["unknown"]
    assert "once" in answers["twice"]


@pytest.fixture(scope="module")
def on_jax(folder) -> dict[str, str]:
    """What is refused on JAX, where ``jax_one`` was trained on one device and ``jax_two`` on two."""
    flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=2"
    return dict(_finish(_python(SHARDED, folder, KERAS_BACKEND="jax", XLA_FLAGS=flags))[0])


@needs_jax
def test_two_devices_on_jax_train_as_one_with_dropout_and_kept_features(folder, on_jax):
    _assert_equal_runs(folder / "jax_two", folder / "jax_one")
    assert "on_devices" in on_jax["outside"]


@needs_jax
@pytest.mark.usefixtures("on_jax")
def test_two_processes_train_as_one_and_only_the_first_writes(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started = [_python(SEVERAL, folder, address, number, "apart", KERAS_BACKEND="jax") for number in (0, 1)]
    answers = [dict(lines) for lines in _finish(*started)]
    _assert_equal_runs(folder / "processes", folder / "jax_one")
    assert answers[0][0] == answers[1][1] and "all" in answers[0]["devices"]
    assert all("directory that all can read" in answer["apart"] for answer in answers)
    assert not (folder / "other_host").exists()
    assert Run(folder / "scored").finished and not Run(folder / "scored").checkpoint.exists()


def test_a_device_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(TrainingError, match=r"gpu:31.*there are .*cpu:0"), on_devices("gpu:31"):
        pass
    with pytest.raises(TrainingError, match="no device is named"):
        resolve_devices([])
    assert resolve_devices(None) == resolve_devices("cpu:0") == ()


def test_several_processes_need_jax():
    with pytest.raises(TrainingError, match="KERAS_BACKEND=jax"):
        join_processes("127.0.0.1:1", num_processes=2, process_id=0)
