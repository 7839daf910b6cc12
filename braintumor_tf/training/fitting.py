"""Fitting a network: one stage, split first, chosen on validation, never looking at test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import pandas as pd

from braintumor_tf.models.inputs import check_images
from braintumor_tf.models.network import Network
from braintumor_tf.runs import Run
from braintumor_tf.training.batches import class_weights, split_rows, training_batches, validation_batches
from braintumor_tf.training.callbacks import EpochProgress, HistoryWriter, KeepBest
from braintumor_tf.training.memory import KeepFreedMemory
from braintumor_tf.training.presets import Preset, resolve_preset


@dataclass(frozen=True)
class Training:
    """What came of a training.

    Attributes:
        model: the model with the weights of its best epoch.
        history: one row an epoch, or None for a model that is not trained in epochs.
        best: which epoch or setting was chosen, and by which score on the validation images.
        seconds: wall time.
        images_per_second: training images, counted once an epoch, over wall time.
    """

    model: Any
    history: pd.DataFrame | None
    best: dict[str, Any]
    seconds: float
    images_per_second: float

    def summary(self) -> dict[str, Any]:
        """Returns what a run records of it: best, seconds, images_per_second, epochs."""
        return {
            "best": self.best,
            "seconds": round(self.seconds, 2),
            "images_per_second": round(self.images_per_second, 2),
            "epochs": None if self.history is None else len(self.history),
        }


def fit(
    model: keras.Model,
    manifest: pd.DataFrame,
    run: Run | None = None,
    preset: str | Preset = "scratch",
    noise: Any = None,
    seed: int = 0,
    show_progress: bool = True,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **settings: Any,
) -> Training:
    """Trains a network on the training images of a manifest and keeps the epoch that is best on the validation images.

    Adam, with a warm-up and then a cosine decay of the learning rate, on the cross-entropy. Augmentation and noise
    touch the training images only; the test images are not read. After every epoch ``history.csv`` is rewritten, and
    ``model.keras`` at every better one, so that an interruption (Ctrl-C is passed on) leaves the best model so far
    on disk and in `model`.

    Repeatable: on a CPU the same model seed (`build`), `seed`, images and settings give the same weights on the same
    machine; no global random state is read or set. On a GPU, sums in another order give slightly different ones.

    Args:
        model: a model built by `braintumor_tf.models.build`; it is compiled and trained in place.
        manifest: a manifest with the splits ``train`` and ``validation``.
        run: where to write ``history.csv`` and ``model.keras``; None for nowhere.
        preset: a name of `PRESETS` or a preset.
        noise: a noise model of `braintumor_tf.augment.noise` for the training images, or None.
        seed: of order, augmentation and noise.
        show_progress: whether to show a bar.
        callbacks: further Keras callbacks, called after those that keep history and best model.
        settings: fields of `Preset` that replace the preset's: epochs, batch_size, learning_rate, and so on.

    Raises:
        TrainingError: a split is empty, a label or a setting is not known, or the loss is not finite.
        ImageInputError: the first batch does not fit the model's input contract.

    Example:
        >>> training = fit(build("CNN", seed=0), manifest, epochs=5)
        >>> training.best["epoch"]
        5
    """
    preset = resolve_preset(preset, **settings)
    network = Network(model)
    batches = training_batches(manifest, network, preset.batch_size, preset.augmentation, noise, seed)
    validation = validation_batches(manifest, network, preset.batch_size)
    check_images(batches[0][0])
    weights = class_weights(split_rows(manifest, "train", network.classes), network.classes, preset.class_weights)
    _compile(model, preset, steps=len(batches))
    history = HistoryWriter(run)
    best = KeepBest(preset.monitor, preset.patience, None if run is None else run.path / "model.keras")
    bar = EpochProgress(preset.epochs, len(batches), preset.monitor, show_progress)
    started = time.perf_counter()
    try:
        model.fit(
            batches,
            epochs=preset.epochs,
            validation_data=validation,
            class_weight=None if weights is None else dict(enumerate(weights.values())),
            callbacks=[KeepFreedMemory(), history, best, bar, *callbacks],
            shuffle=False,  # the batches shuffle themselves, from their own seed; Keras would use the global one
            verbose=0,
        )
    finally:
        bar.close()
        best.restore()
    seconds = time.perf_counter() - started
    images = int((manifest["split"] == "train").sum()) * len(history.rows)
    chosen = {"epoch": best.best_epoch, "monitor": preset.monitor, "score": best.best_score}
    return Training(model, history.history, chosen, seconds, images / seconds)


def learning_rate_schedule(preset: Preset, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate by step: a linear rise over the warm-up, then half a cosine to 0 at the last step."""
    total = preset.epochs * steps
    warmup = int(preset.warmup * total)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(preset.learning_rate, total)
    return keras.optimizers.schedules.CosineDecay(
        preset.learning_rate / 20, total - warmup, warmup_target=preset.learning_rate, warmup_steps=warmup
    )


def _compile(model: keras.Model, preset: Preset, steps: int) -> None:
    clip = {} if preset.clip_norm is None else {"global_clipnorm": preset.clip_norm}
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate_schedule(preset, steps), **clip),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=preset.label_smoothing),
        metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.F1Score(average="macro", name="macro_f1"),
        ],
        jit_compile=_jit_compile(),
    )


def _jit_compile() -> bool | str:
    """XLA pays on accelerators and for JAX; TensorFlow on a CPU spends a minute compiling and gains nothing."""
    if keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu"):
        return False
    return "auto"
