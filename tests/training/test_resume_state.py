"""Resuming: a training that is killed at any point ends with the weights of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment.noise import GaussianNoise, RandomNoise, SpeckleNoise, describe, from_description
from braintumor_tf.errors import RunError
from braintumor_tf.experiments import resume_experiment, run_experiment
from braintumor_tf.files import to_json
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, TrainingError, fit
from braintumor_tf.training.resume_state import FILE
from tests.training.toy import small_cnn, small_cnn_in_the_registry, toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]
NOISE = RandomNoise([GaussianNoise(20), SpeckleNoise((0.1, 0.2))], probability=0.5)
PRESET = Preset(
    (Stage("head", 2, trains="head", warmup=0.0), Stage("fine_tuning", 2, trains=1)),
    batch_size=24,
    weight_decay=0.01,
    augmentation={"rotation_range": 10, "brightness_range": (0.9, 1.1)},
)

# Runs the same experiment in a process that kills itself: in the middle of an epoch, or while it writes a checkpoint.
KILLED = """
    import json, os, signal
    from pathlib import Path
    import keras
    import numpy as np
    from tests.training.test_resume_state import experiment
    from braintumor_tf.datasets import read_manifest

    epoch, point = {epoch}, {point!r}
    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)

    class Deadly(keras.callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            self.number = number + 1
        def on_train_batch_end(self, batch, logs=None):
            if point == "batch" and self.number == epoch and batch == 1:
                kill()

    def deadly_fit(model, *arguments, callbacks=(), **settings):
        return fit(model, *arguments, callbacks=[*callbacks, Deadly()], **settings)

    def deadly_savez(path, **arrays):
        if point == "checkpoint" and len(json.loads(str(arrays["about"]))["rows"]) == epoch:
            Path(path).write_bytes(b"half")
            kill()
        savez(path, **arrays)

    fit, keras.Model.fit = keras.Model.fit, deadly_fit
    savez, np.savez = np.savez, deadly_savez
    experiment(read_manifest({manifest!r}), {out!r})
"""


def experiment(manifest: pd.DataFrame, out: str | Path, **changes: Any) -> Run:
    settings = {"image_size": 32, "preset": PRESET, "noise": NOISE, "baselines": False, "resamples": 20, **changes}
    with small_cnn_in_the_registry():
        return run_experiment(
            manifest, "CNN", out=out, show_progress=False, resume=True, config={"dataset": "toy"}, **settings
        )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def whole(manifest, tmp_path_factory) -> Run:
    """The run that nothing happened to."""
    return experiment(manifest, tmp_path_factory.mktemp("whole") / "run")


def _killed(manifest: Path, out: Path, epoch: int, point: str) -> None:
    code = textwrap.dedent(KILLED).format(epoch=epoch, point=point, manifest=str(manifest), out=str(out))
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert answer.returncode == -signal.SIGKILL, answer.stderr[-2000:]


def test_a_run_that_was_killed_twice_ends_with_the_same_weights(manifest, whole, tmp_path):
    out = tmp_path / "run"
    table = whole.path / "manifest.csv"
    _killed(table, out, epoch=2, point="batch")  # the head's second epoch
    assert list(Run(out).history["epoch"]) == [1] and (Run(out).checkpoint / FILE).is_file()
    _killed(table, out, epoch=3, point="checkpoint")  # history.csv and model.keras of this epoch are written already
    assert list(Run(out).history["epoch"]) == [1, 2, 3] and len(list(Run(out).checkpoint.iterdir())) == 2
    with small_cnn_in_the_registry():
        run = resume_experiment(out, show_progress=False)

    assert run.finished and sorted(path.name for path in out.iterdir()) == sorted(
        path.name for path in whole.path.iterdir()
    )
    weights, expected = (load_network(one.file("model.keras")).get_weights() for one in (run, whole))
    assert all(np.array_equal(one, other) for one, other in zip(weights, expected, strict=True))
    pd.testing.assert_frame_equal(run.predictions, whole.predictions, check_exact=True)
    pd.testing.assert_frame_equal(
        run.history.drop(columns="seconds"), whole.history.drop(columns="seconds"), check_exact=True
    )
    assert run.metrics["training"]["best"] == whole.metrics["training"]["best"]


def test_a_finished_run_is_returned_and_other_settings_are_refused(manifest, whole):
    before = (whole.path / "metrics.json").stat().st_mtime_ns
    assert resume_experiment(whole).metrics == experiment(manifest, whole.path).metrics
    assert (whole.path / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(RunError, match="another seed"):
        experiment(manifest, whole.path, seed=1)
    with pytest.raises(RunError, match="data_fingerprint"):
        experiment(manifest.assign(md5="0"), whole.path)
    with pytest.raises(RunError, match=r"no config\.json"):
        resume_experiment(whole.path / "nowhere")


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_named(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {}, manifest)
    preset = Preset((Stage(epochs=1),), batch_size=48)
    fit(small_cnn(), manifest, run=run, preset=preset, show_progress=False)
    with pytest.raises(TrainingError, match="another training"):
        fit(small_cnn(), manifest, run=run, preset=preset, epochs=2, show_progress=False, resume=True)
    (run.checkpoint / FILE).write_bytes(b"half")
    with pytest.raises(TrainingError, match="damaged"):
        fit(small_cnn(), manifest, run=run, preset=preset, show_progress=False, resume=True)


def test_what_a_configuration_cannot_hold_is_said(manifest, tmp_path):
    preset = Preset(augmentation={"preprocessing_function": abs})
    config = {"model": "CNN", "training": preset.to_dict(), "baselines": True}
    with pytest.raises(RunError, match="no file keeps"):
        resume_experiment(Run.create(tmp_path / "run", config, manifest))


def test_noise_is_read_back_from_its_description():
    assert from_description(json.loads(to_json(describe(NOISE)))) == from_description(describe(NOISE))
    assert describe(from_description(describe(NOISE))) == describe(NOISE)
