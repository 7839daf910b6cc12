"""Which epoch is the best: the score, the tie rule, patience, resuming, and validation images that nothing touches."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score, log_loss

from braintumor_tf.augment.noise import GaussianNoise
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.models.network import Network, load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, fit
from braintumor_tf.training.batches import validation_batches
from braintumor_tf.training.callbacks import KeepBest
from tests.training.toy import small_cnn, toy_manifest

STRONG = {"rotation_range": 90, "width_shift_range": 0.3, "zoom_range": 0.4, "vertical_flip": True}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def _pixels(manifest: pd.DataFrame) -> np.ndarray:
    """The validation images as Pillow reads and resizes them."""
    paths = manifest.loc[manifest["split"] == "validation", "path"]
    images = [Image.open(path).convert("L").resize((32, 32), Image.Resampling.BILINEAR) for path in paths]
    return np.stack([np.asarray(image, "float32") for image in images])[..., None]


# === Choosing ===


def _watched(monitor: str, epochs: list[tuple[float, float]], patience: int | None = None, before: int = 0) -> Any:
    """Shows a callback epochs of a score and a validation loss each; the network's one weight is the epoch's number."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.stop_training = False
    keep = KeepBest(network=network, monitor=monitor, patience=patience, path=None)
    keep.set_model(network)
    keep.first_epoch = before
    for number, (score, loss) in enumerate(epochs, start=before + 1):
        network.set_weights([np.full((1, 1), number)])
        keep.on_epoch_end(number - 1, {"loss": 1.0, "val_loss": loss, monitor: score})
        if network.stop_training:
            break
    keep.restore()
    return keep, number, network.get_weights()[0].item()


@pytest.mark.parametrize("monitor", ["val_macro_f1", "val_accuracy"])
@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(0.5, 0.1), (0.7, 0.9), (0.6, 0.2)], 2),  # the score comes before the loss
        ([(0.8, 0.5), (0.8, 0.3), (0.8, 0.4)], 2),  # equal scores: the lower loss
        ([(0.8, 0.3), (0.8, 0.5), (0.8, 0.4)], 1),
        ([(0.8, 0.4), (0.8, 0.4), (0.7, 0.1)], 1),  # equal in both: the first
        ([(0.0, 9.0), (0.0, 9.5)], 1),
    ],
)
def test_the_higher_score_wins_and_then_the_lower_loss_and_then_the_earlier_epoch(monitor, epochs, best):
    keep, _, weight = _watched(monitor, epochs)
    assert (keep.best_epoch, keep.best_score, weight) == (best, epochs[best - 1][0], best)


def test_of_losses_the_lowest_wins():
    keep, _, weight = _watched("val_loss", [(0.9, 0.9), (0.4, 0.4), (0.6, 0.6)])
    assert (keep.best_epoch, keep.best_score, weight) == (2, 0.4, 2)


def test_patience_is_the_number_of_epochs_without_a_better_one():
    falling = [(0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.6, 0.4), (0.5, 0.5)]
    assert [_watched("val_accuracy", falling, patience)[1] for patience in (1, 2, 3, None)] == [2, 3, 4, 5]
    late = [(0.5, 0.5), (0.5, 0.6), (0.9, 0.1), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)]
    assert _watched("val_accuracy", late, patience=2)[1] == 5
    assert _watched("val_accuracy", late[1:], patience=2)[1] == 4


def test_patience_starts_anew_with_a_stage():
    keep, last, _ = _watched("val_accuracy", [(0.9, 0.1)], patience=2)
    keep.first_epoch = 5  # the next stage begins
    for number in (6, 7, 8):
        keep.on_epoch_end(number - 1, {"loss": 1.0, "val_loss": 0.5, "val_accuracy": 0.5})
        if keep.model.stop_training:
            break
    assert (last, number, keep.best_epoch) == (1, 7, 1)


# === Resuming ===


class _Interrupt(keras.callbacks.Callback):
    """Stands for Ctrl-C before the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


class _Spoil(keras.callbacks.Callback):
    """Makes every epoch but the first a bad one: the network is sure of one class when it is validated."""

    def __init__(self, network: keras.Model):
        super().__init__()
        self.head = network.get_layer("probabilities")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_test_begin(self, logs=None):
        if self.epoch > 0:
            kernel, bias = self.head.get_weights()
            self.head.set_weights([np.zeros_like(kernel), np.array([50, 0, 0, 0], bias.dtype)])


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_after_resuming_a_worse_epoch_does_not_replace_the_best(manifest, tmp_path, monitor):
    run = Run.create(tmp_path / "run", {}, manifest)
    preset = Preset((Stage(epochs=3),), batch_size=48, patience=None, monitor=monitor)
    settings = {"run": run, "preset": preset, "show_progress": False}
    first, second = small_cnn(), small_cnn()
    with pytest.raises(KeyboardInterrupt):
        fit(first, manifest, callbacks=[_Spoil(first), _Interrupt()], **settings)
    training = fit(second, manifest, callbacks=[_Spoil(second)], resume=True, **settings)
    history = training.history
    assert list(history["epoch"]) == [1, 2, 3] and (history["val_loss"][1:] > history["val_loss"][0]).all()
    assert (training.best["epoch"], training.best["score"]) == (1, history[monitor][0])
    kept = load_network(run.file("model.keras")).get_weights()
    for wanted, found, file in zip(first.get_weights(), second.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(file, wanted)


# === Validation images ===


def test_validation_batches_hold_the_images_of_the_files_in_order(manifest):
    batches = validation_batches(manifest, Network(small_cnn()), batch_size=7)
    for _ in range(2):  # a second epoch is no other
        found = np.concatenate([batches[index][0] for index in range(len(batches))])
        np.testing.assert_allclose(found, _pixels(manifest), atol=1)
        batches.on_epoch_end()


def test_scores_are_those_of_validation_images_without_augmentation_and_noise(manifest):
    """In a stage on kept features and in one on images, the logged scores are those that scikit-learn computes."""
    network, pixels = small_cnn(), _pixels(manifest)
    labels = manifest.loc[manifest["split"] == "validation", "label"]
    truth = [CLASSES.index(name) for name in labels]
    found = []

    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            answers = keras.ops.convert_to_numpy(network(pixels, training=False)).astype(float)
            predicted = answers.argmax(axis=1)
            found.append(
                (
                    log_loss(truth, answers / answers.sum(axis=1, keepdims=True), labels=range(4)),
                    accuracy_score(truth, predicted),
                    f1_score(truth, predicted, average="macro", labels=range(4), zero_division=0),
                )
            )

    stages = (Stage("head", 1, 0.05, trains="head", views=1), Stage("rest", 2, 0.01))
    preset = Preset(stages, batch_size=24, label_smoothing=0.0, augmentation=STRONG, patience=None)
    training = fit(network, manifest, preset=preset, noise=GaussianNoise(90), show_progress=False, callbacks=[Score()])
    logged = training.history[["val_loss", "val_accuracy", "val_macro_f1"]].to_numpy()
    np.testing.assert_allclose(logged, found, rtol=2e-3, atol=2e-3)
