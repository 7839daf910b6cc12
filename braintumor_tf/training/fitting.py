"""Fitting a network: in stages, split first, chosen on validation, never looking at test, resumed if it was killed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pandas as pd

from braintumor_tf.augment.noise import Noise
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.models.network import Network, unfreeze
from braintumor_tf.models.pca import PCALogisticRegression
from braintumor_tf.runs import Run
from braintumor_tf.training.batches import class_weights, split_rows, training_batches, validation_batches
from braintumor_tf.training.callbacks import EpochProgress, HistoryWriter, KeepBest, PinEpoch
from braintumor_tf.training.devices.devices import check_agreement, check_devices, is_first_process
from braintumor_tf.training.devices.glibc_memory import KeepFreedMemory
from braintumor_tf.training.devices.precision import check_precision
from braintumor_tf.training.devices.tensorflow_mirrored import synchronised
from braintumor_tf.training.frozen_features import stage_inputs
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.remedies.images import scanner_noise, training_images
from braintumor_tf.training.remedies.second_objective import SecondObjective
from braintumor_tf.training.resume_state import Checkpoint, restore_optimizer
from braintumor_tf.training.settings import resolve_preset
from braintumor_tf.training.stages import compile_stage, prepare_normalisation, set_trainable


@dataclass(frozen=True)
class Training:
    """What came of a training.

    Attributes:
        model: the model with the weights of its best epoch.
        history: one row an epoch, or None for a model that is not trained in epochs.
        best: which epoch or setting was chosen, and by which score on the validation images.
        seconds: wall time.
        images_per_second: training images, counted once an epoch, over wall time.
        counterfactuals: how many pictures of each kind the pairs have, and what was left out; None without pairs.
    """

    model: keras.Model | PCALogisticRegression
    history: pd.DataFrame | None
    best: dict[str, Any]
    seconds: float
    images_per_second: float
    counterfactuals: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns what stands in ``metrics.json``: best, seconds, images_per_second, epochs, counterfactuals if any."""
        return {
            **({} if self.counterfactuals is None else {"counterfactuals": self.counterfactuals}),
            "best": self.best,
            "seconds": round(self.seconds, 2),
            "images_per_second": round(self.images_per_second, 2),
            "epochs": None if self.history is None else len(self.history),
        }


def fit(
    model: keras.Model,
    manifest: pd.DataFrame,
    *,
    run: Run | None = None,
    preset: str | Preset = "scratch",
    noise: Noise | None = None,
    seed: int = 0,
    show_progress: bool = True,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **settings: Any,
) -> Training:
    """Trains a network on the training images of a manifest and keeps the epoch that is best on the validation images.

    The preset's stages follow each other, each from the best weights so far: Adam or AdamW, with a warm-up and then a
    cosine decay of the learning rate, on the cross-entropy. Layers that a stage does not train are frozen, and with
    them the running statistics of their batch normalisation. A stage that trains the head alone can do so on features
    that are computed once (`Stage.views`). Augmentation and noise touch the training images only;
    the test images are not read. After every epoch ``history.csv`` is rewritten, and ``model.keras`` at every better
    one. So an interruption leaves the best model so far on disk and in `model`; Ctrl-C is passed on.

    Repeatable: on a CPU the same model seed (`build`), `seed`, images and settings give the same weights on the same
    machine; no global random state is read or set. That holds too where training was killed and resumed. On a GPU,
    sums in another order give slightly different ones. Several devices train as one (`on_devices`).

    Args:
        model: a model built by `braintumor_tf.models.build`; it is compiled and trained in place.
        manifest: a manifest with the splits ``train`` and ``validation``.
        run: where to write ``history.csv``, ``model.keras`` and, until the run is scored, ``checkpoint/``; None for
            nowhere.
        preset: a name of `PRESETS` or a preset.
        noise: a noise model for the training images, or None.
        seed: of order, augmentation and noise.
        show_progress: whether to show a bar.
        resume: whether to go on from the last finished epoch in the run's checkpoint, where there is one; `model` must
            then be built as it was before, and everything else the same.
        callbacks: further Keras callbacks; a stage is one call of Keras's `fit`. Where a stage trains on kept features
            (`Stage.views`), their `model` is the head alone.
        settings: fields of `Preset` or of its stages that replace the preset's: epochs, batch_size, learning_rate, and
            so on (`resolve_preset`).

    Raises:
        TrainingError: a split is empty, a label or a setting is not known, or the loss is not finite. Also where the
            model was built on other devices or in another precision, or the checkpoint is that of another training.
        ImageInputError: the first batch does not fit the model's input contract.

    Example:
        >>> training = fit(build("CNN", seed=0), manifest, epochs=5)  # doctest: +SKIP
        >>> training.best["epoch"]  # doctest: +SKIP
        5
    """
    preset = resolve_preset(preset, **settings)
    check_devices(model)
    check_precision(model, preset.precision)
    with training_images(manifest, preset, seed=seed, show_progress=show_progress) as images:
        data = _training_data(images.manifest, Network(model), preset, noise, seed)
        checkpoint = _open_checkpoint(model, manifest, run, preset, seed, resume, data.objective.variables)
        done = _fit_stages(model, preset, data, checkpoint, callbacks, resume, show_progress)
    return replace(done, counterfactuals=images.pairs)


def _fit_stages(
    model: keras.Model,
    preset: Preset,
    data: _Data,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback],
    resume: bool,
    show_progress: bool,
) -> Training:
    """Trains one stage after the other, from where the checkpoint is on."""
    optimizer_state = checkpoint.restore(model) if resume else []
    history, best = checkpoint.history, checkpoint.best
    before = sum(row["seconds"] for row in history.rows)
    bar = EpochProgress(
        epochs=preset.epochs,
        steps=len(data.batches),
        monitor=preset.monitor,
        show=show_progress and checkpoint.writes,
        done=checkpoint.position.epoch,
    )
    keepers = [KeepFreedMemory(), PinEpoch(data.batches), history, best, *callbacks, checkpoint, bar]
    started = time.perf_counter()
    prepare_normalisation(model, preset, steps=len(data.batches))
    try:
        while checkpoint.position.stage < len(preset.stages):
            _fit_stage(model, preset, data, checkpoint, keepers, optimizer_state, show_progress)
            optimizer_state = []
            best.restore()
    finally:
        bar.close()
        best.restore()
        unfreeze(model)
    seconds = before + time.perf_counter() - started
    images = data.batches.n * len(history.rows)
    chosen = {"epoch": best.best_epoch, "monitor": preset.monitor, "score": best.best_score}
    return Training(model, history.history, chosen, seconds, images / seconds)


@dataclass(frozen=True)
class _Data:
    """Training and validation batches, a weight for each class by its number, and whether images are changed."""

    batches: Any
    validation: Any
    weights: dict[int, float] | None
    augmented: bool
    objective: SecondObjective


def _training_data(manifest: pd.DataFrame, network: Network, preset: Preset, noise: Noise | None, seed: int) -> _Data:
    settings = {"batch_size": preset.batch_size, "augmentation": preset.augmentation}
    noise = scanner_noise(preset, noise)
    batches = training_batches(manifest, network, **settings, noise=noise, seed=seed)
    validation = validation_batches(manifest, network, batch_size=preset.batch_size)
    check_images(batches[0][0])
    rows = split_rows(manifest, "train", network.classes)
    weights = class_weights(rows, network.classes, preset.class_weights)
    weights = None if weights is None else dict(enumerate(weights.values()))
    objective = SecondObjective(network, rows, preset, seed=seed)
    return _Data(batches, validation, weights, bool(preset.augmentation) or noise is not None, objective)


def _open_checkpoint(
    model: keras.Model,
    manifest: pd.DataFrame,
    run: Run | None,
    preset: Preset,
    seed: int,
    resume: bool,
    beside: Sequence[Any],
) -> Checkpoint:
    """Returns the keeper of what is written; an old checkpoint is removed, unless training goes on from it."""
    first = is_first_process()
    history = HistoryWriter(run if first else None)
    path = run.path / "model.keras" if run is not None and first else None
    best = KeepBest(model, monitor=preset.monitor, patience=preset.patience, path=path)
    settings = {"training": preset.to_dict(), "seed": seed}
    checkpoint = Checkpoint(run, settings=settings, history=history, best=best, beside=beside, writes=first)
    if run is not None and first and not resume:
        run.remove_checkpoint()
    images = manifest[["md5", "label", "split"]].to_numpy().tolist()
    check_agreement(lambda: str([checkpoint.settings, resume and checkpoint.digest(), images]), "training")
    return checkpoint


def _fit_stage(
    model: keras.Model,
    preset: Preset,
    data: _Data,
    checkpoint: Checkpoint,
    callbacks: Sequence[keras.callbacks.Callback],
    optimizer_state: list[np.ndarray],
    show_progress: bool,
) -> None:
    """Trains the stage that the checkpoint is at, from its last finished epoch on."""
    position = checkpoint.position
    stage = preset.stages[position.stage]
    checkpoint.begin_stage(stage)
    set_trainable(model, stage.trains)
    trained, inputs, validation = stage_inputs(
        model,
        stage,
        batches=data.batches,
        validation=data.validation,
        augmented=data.augmented,
        first_epoch=position.first_epoch,
        show_progress=show_progress,
    )
    trained, inputs = data.objective.apply(trained, inputs, data.batches)
    compile_stage(trained, preset, stage, steps=len(data.batches))
    restore_optimizer(trained, optimizer_state)
    with synchronised(model):
        trained.fit(
            inputs,
            initial_epoch=position.epoch,
            epochs=checkpoint.last_epoch,
            validation_data=validation,
            class_weight=data.weights,
            callbacks=list(callbacks),
            shuffle=False,  # the batches shuffle themselves, from their own seed; Keras would use the global one
            verbose=0,
        )
