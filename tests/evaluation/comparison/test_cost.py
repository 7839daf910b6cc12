"""What a model costs: parameters against Keras, seconds over interruptions, milliseconds that were measured."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from braintumor_tf.evaluation import milliseconds_per_image
from braintumor_tf.evaluation.comparison.cost import parameters_in
from braintumor_tf.models import build
from braintumor_tf.runs import Run
from braintumor_tf.training import fit
from braintumor_tf.training.callbacks import save_network
from tests.training.toy import small_cnn, toy_manifest


@pytest.mark.parametrize("name", ["CNN", "MobileNetV2-0.35", "EfficientNetB0", "ViT-Ti/16"])
def test_parameters_are_those_that_keras_counts(name, tmp_path):
    model = build(name, image_size=32, head=(5,), seed=0)
    save_network(model, tmp_path / "model.keras")
    assert parameters_in(tmp_path / "model.keras") == model.count_params() > 10_000


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return toy_manifest(tmp_path_factory.mktemp("toy"))


class Stop(keras.callbacks.Callback):
    """Interrupts a training in the middle of its second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_the_seconds_of_an_interrupted_training_are_added_up(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {"model": "CNN"}, manifest)
    how = {"run": run, "epochs": 3, "batch_size": 24, "augmentation": {}, "show_progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit(small_cnn(), manifest, callbacks=[Stop()], **how)
    first = run.history["seconds"].sum()
    training = fit(small_cnn(), manifest, resume=True, **how)
    assert len(training.history) == 3 and first > 0
    assert training.seconds >= training.history["seconds"].sum() - 0.01 > first


def test_time_is_measured_on_full_batches_whatever_the_number_of_images(manifest):
    shapes = []

    class Slow:
        classes, image_size, channels, crop = ("a", "b"), (8, 6), 1, None

        def predict_images(self, images, batch_size=64):
            shapes.append(images.shape)
            return np.full((len(images), 2), 0.5)

    assert milliseconds_per_image(Slow(), manifest["path"].tolist()[:3], repeats=2, images=7) > 0
    assert shapes == [(7, 8, 6, 1)] * 3, "one pass warms up, two count"
