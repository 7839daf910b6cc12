"""Mixed precision: it trains, it is kept in the file, it resumes to the bit, and a processor does not choose it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from braintumor_tf.experiments import run_experiment
from braintumor_tf.models import load_model
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, TrainingError, fit, in_precision, resolve_precision, resolve_preset
from tests.training.toy import small_cnn, toy_manifest

MIXED = ("mixed_float16", "mixed_bfloat16")
PRESET = Preset((Stage(epochs=3),), batch_size=48, weight_decay=0.01, augmentation={"horizontal_flip": True})
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


class _Interrupt(keras.callbacks.Callback):
    """Stands for Ctrl-C before the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


class _Overflow(keras.callbacks.Callback):
    """Halves the scale of the loss before the second epoch, as an overflow would."""

    def on_epoch_begin(self, epoch, logs=None):
        scale = getattr(self.model.optimizer, "dynamic_scale", None)
        if epoch == 1 and scale is not None:
            scale.assign(scale * 0.5)


def _fit(manifest: pd.DataFrame, run: Run | None, precision: str, *callbacks: Any, resume: bool = False) -> Any:
    with in_precision(precision):
        model = small_cnn()
    preset = replace(PRESET, precision=precision)
    callbacks = (_Overflow(), *callbacks)
    return fit(model, manifest, run=run, preset=preset, show_progress=False, resume=resume, callbacks=callbacks)


@pytest.mark.parametrize("precision", MIXED)
def test_a_mixed_training_is_kept_and_resumes_to_the_bit(manifest, tmp_path, precision):
    whole = _fit(manifest, Run.create(tmp_path / "whole", {}, manifest), precision)
    assert whole.history["loss"].iloc[-1] < whole.history["loss"].iloc[0]
    assert {weight.dtype for weight in whole.model.get_weights()} == {np.dtype("float32")}
    assert whole.model.get_layer("block_1_convolution_1").compute_dtype == precision.removeprefix("mixed_")
    assert {whole.model.get_layer(name).compute_dtype for name in ("size", "probabilities")} == {"float32"}
    loaded = load_model(tmp_path / "whole" / "model.keras")
    expected = as_predictor(whole.model).predict_images(IMAGES)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(as_predictor(loaded).predict_images(IMAGES), expected)

    run = Run.create(tmp_path / "interrupted", {}, manifest)
    with pytest.raises(KeyboardInterrupt):
        _fit(manifest, run, precision, _Interrupt())
    resumed = _fit(manifest, run, precision, resume=True)
    pd.testing.assert_frame_equal(
        resumed.history.drop(columns="seconds"), whole.history.drop(columns="seconds"), check_exact=True
    )
    for one, other in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    states = [[keras.ops.convert_to_numpy(v) for v in each.model.optimizer.variables] for each in (resumed, whole)]
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    if precision == "mixed_float16":
        assert isinstance(resumed.model.optimizer, keras.optimizers.LossScaleOptimizer)
        assert float(resumed.model.optimizer.dynamic_scale) == 2.0**14  # the halved one, not the first


def test_automatic_is_float32_on_a_processor_and_is_recorded(manifest, tmp_path):
    if keras.distribution.list_devices()[0].startswith("cpu"):
        assert resolve_precision("auto") == "float32"
    settings = {"image_size": 32, "preset": "smoke", "epochs": 1, "baselines": False, "resamples": 10}
    run = run_experiment(manifest, "CNN", out=tmp_path / "run", show_progress=False, **settings)
    assert run.config["training"]["precision"] == resolve_precision("auto")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="asks TensorFlow for its devices")
@pytest.mark.parametrize(
    ("devices", "policy"),
    [
        ({}, "float32"),
        ({"GPU": [(6, 1)]}, "float32"),
        ({"GPU": [(7, 0)]}, "mixed_float16"),
        ({"GPU": [(9, 0), (9, 0)]}, "mixed_float16"),
        ({"GPU": [(9, 0), (6, 1)]}, "float32"),
        ({"GPU": [(9, 0), None]}, "float32"),
        ({"TPU": [None]}, "mixed_bfloat16"),
    ],
)
def test_processors_with_tensor_cores_compute_in_halves(devices, policy, monkeypatch):
    def details(device: tuple[int, int] | None) -> dict[str, tuple[int, int]]:
        return {} if device is None else {"compute_capability": device}

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: devices.get(kind, []))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details)
    assert resolve_precision("auto") == policy


@pytest.mark.parametrize("precision", MIXED)
def test_no_setting_leaks(precision):
    before = keras.config.dtype_policy().name
    with pytest.raises(ZeroDivisionError), in_precision(precision):
        assert keras.config.dtype_policy().name == precision
        raise ZeroDivisionError
    assert keras.config.dtype_policy().name == before


def test_a_wrong_precision_is_named(manifest):
    with pytest.raises(TrainingError, match="mixed_bfloat16"):
        resolve_preset("scratch", precision="float64")
    with pytest.raises(TrainingError, match="auto, float32"):
        resolve_precision("half")
    with pytest.raises(TrainingError, match="built in float32.*in_precision"):
        fit(small_cnn(), manifest, preset=PRESET, precision="mixed_float16", show_progress=False)
