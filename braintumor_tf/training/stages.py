"""One stage of a training: which layers move, by which optimizer, at which learning rate."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from braintumor_tf.errors import TrainingError
from braintumor_tf.models.backbone import backbone_blocks, backbone_layers, set_batch_normalisation_momentum
from braintumor_tf.models.network import unfreeze
from braintumor_tf.training.devices.tensorflow_mirrored import cross_entropy, over_replicas, replicas
from braintumor_tf.training.presets import ALL, AUTO, HEAD, Preset, Stage

_NOT_DECAYED = ("bias", "gamma", "beta", "positions", "token")
"""Parts of the names of weights that weight decay leaves alone."""

MOMENTA = (0.9, 0.97)
"""The lowest and the highest momentum of batch normalisation that `normalisation_momentum` chooses.

The upper one is `braintumor_tf.models.backbone.BATCH_NORMALISATION_MOMENTUM`."""


def normalisation_momentum(steps: int) -> float:
    """Returns the momentum with which running statistics look back over about half an epoch, within `MOMENTA`.

    Args:
        steps: an epoch.

    Example:
        >>> [normalisation_momentum(steps) for steps in (6, 40, 500)]
        [0.9, 0.95, 0.97]
    """
    return min(max(1 - 2 / steps, MOMENTA[0]), MOMENTA[1])


def prepare_normalisation(model: keras.Model, preset: Preset, steps: int) -> None:
    """Sets the momentum of batch normalisation that a preset asks for; where it asks for none, the model keeps its own.

    Args:
        model: the whole model.
        preset: the settings of the training.
        steps: an epoch.
    """
    momentum = preset.normalisation_momentum
    if momentum is not None:
        set_batch_normalisation_momentum(model, normalisation_momentum(steps) if momentum == AUTO else momentum)


def trained_blocks(trains: str | int | float, blocks: int) -> int:
    """Returns how many of a backbone's last blocks a stage trains.

    Args:
        trains: as in `Stage`.
        blocks: how many there are.

    Example:
        >>> [trained_blocks(trains, 19) for trains in ("head", 3, 0.75, "all")]
        [0, 3, 14, 19]
    """
    if isinstance(trains, float):
        return max(1, round(trains * blocks))
    return {HEAD: 0, ALL: blocks}.get(trains, trains)


def set_trainable(model: keras.Model, trains: str | int | float) -> None:
    """Freezes what a stage does not train, and nothing else; the head is always trained.

    A frozen batch normalisation uses and keeps its running statistics, also while the rest is trained.

    Args:
        model: a model built by `braintumor_tf.models.build`; it must be compiled afterwards.
        trains: as in `Stage`.

    Raises:
        TrainingError: the backbone has fewer blocks.
    """
    blocks = backbone_blocks(model)
    wanted = trained_blocks(trains, len(blocks))
    if wanted > len(blocks):
        raise TrainingError(
            f"{model.name} has {len(blocks)} blocks, so not the last {wanted} can be trained; take 'all'"
        )
    unfreeze(model)
    for layer in backbone_layers(model):
        layer.trainable = False
    for name in list(blocks)[len(blocks) - wanted :]:
        for layer in blocks[name]:
            layer.trainable = True


def learning_rate_schedule(stage: Stage, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a stage's learning rate by step: a linear rise over the warm-up, then half a cosine to 0 at the last."""
    total = stage.epochs * steps
    warmup = int(stage.warmup * total)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(stage.learning_rate, total)
    return keras.optimizers.schedules.CosineDecay(
        stage.learning_rate / 20, total - warmup, warmup_target=stage.learning_rate, warmup_steps=warmup
    )


def _optimizer(preset: Preset, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    settings = {"learning_rate": learning_rate_schedule(stage, steps), "global_clipnorm": preset.clip_norm}
    if not preset.weight_decay:
        return over_replicas(keras.optimizers.Adam)(**settings)
    optimizer = over_replicas(keras.optimizers.AdamW)(weight_decay=preset.weight_decay, **settings)
    optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    return optimizer


def compile_stage(model: keras.Model, preset: Preset, stage: Stage, steps: int) -> None:
    """Compiles a model for a stage: a fresh optimizer, the loss, the metrics.

    Args:
        model: the model, its layers frozen already as the stage wants it.
        preset: the settings that stages share.
        stage: the stage.
        steps: an epoch.
    """
    optimizer = _optimizer(preset, stage, steps)
    if model.dtype_policy.name == "mixed_float16":
        optimizer = over_replicas(keras.optimizers.LossScaleOptimizer)(optimizer)
    metrics = [
        keras.metrics.CategoricalAccuracy(name="accuracy"),
        keras.metrics.F1Score(average="macro", name="macro_f1"),
    ]
    loss = cross_entropy(preset.label_smoothing)
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=jit_compile())
    if replicas() == 1:
        _make_variables(model, metrics)


def _make_variables(model: keras.Model, metrics: Sequence[keras.metrics.Metric]) -> None:
    """Makes the variables of a compiled model's optimizer and metrics, which its first step would make otherwise.

    TensorFlow traces a function twice that makes variables, which takes half a minute for a large network.
    """
    model.optimizer.build(model.trainable_variables)
    answer = np.zeros((1, keras.tree.flatten(model.output)[0].shape[-1]), "float32")
    for metric in metrics:
        metric.update_state(answer, answer)
        metric.reset_state()


def jit_compile() -> bool | str:
    """Returns whether Keras should compile by XLA: it pays on accelerators and for JAX.

    TensorFlow on a CPU spends a minute compiling and gains nothing.
    """
    if keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu"):
        return False
    return "auto"
