"""Training settings as data: one row a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

MONITORS: Mapping[str, str] = MappingProxyType({"val_macro_f1": "max", "val_accuracy": "max", "val_loss": "min"})
"""Validation metrics that the best epoch can be chosen by, and which end is better."""

AUTO = "auto"
PRECISIONS = (AUTO, "float32", "mixed_float16", "mixed_bfloat16")
"""What a network can compute in; `braintumor_tf.training.resolve_precision` says what ``"auto"`` means."""

ORIGIN_CLASS = "origin_class"
BALANCES = (ORIGIN_CLASS,)
"""What training images can be balanced over: pairs of origin and class."""

ALL, HEAD = "all", "head"
"""What a stage can train beside a number of blocks: the whole network, or the layers after the backbone alone."""


@dataclass(frozen=True)
class Stage:
    """One stretch of a training, with layers, an optimizer and a learning rate of its own.

    Attributes:
        name: what ``history.csv`` calls it.
        epochs: passes over the training images.
        learning_rate: the highest learning rate, reached after the warm-up; it then falls to 0 on half a cosine.
        warmup: share of the stage's steps in which the learning rate rises from a twentieth of its highest value.
        trains: ``"all"``, ``"head"``, or how many of the backbone's last blocks are trained with the head: a number, or
            a share of them above 0 and under 1, which is rounded to whole blocks and to one at least (blocks as
            `braintumor_tf.models.backbone.backbone_blocks` counts them). All other layers are frozen: neither their
            weights nor the statistics of their batch normalisation move.
        views: only for ``"head"``: of how many views of the training images the features are computed once and kept,
            instead of running the frozen backbone in every epoch; a view is what augmentation and noise make of the
            images in one epoch, and epochs use them in turn. None is one view where there is neither augmentation nor
            noise, which changes little but the time (`frozen_features.stage_inputs`), and no keeping
            otherwise; 0 is no keeping.
    """

    name: str = "training"
    epochs: int = 30
    learning_rate: float = 2e-3
    warmup: float = 0.07
    trains: str | int | float = ALL
    views: int | None = None


@dataclass(frozen=True)
class Preset:
    """Every setting of a training.

    Attributes:
        stages: what is trained, one after the other; each stage starts from the best weights so far.
        batch_size: images a step.
        weight_decay: of AdamW, for kernels only (not for biases and normalisation); 0 is Adam.
        label_smoothing: share of the target probability that is spread over all classes.
        clip_norm: gradients are scaled down so that their global norm is at most this; None for as they are.
        class_weights: ``"balanced"`` to weigh classes by their rarity, a weight for each class name, or None for all
            alike.
        monitor: the validation metric that the best epoch is chosen by, one of `MONITORS`.
        patience: epochs without a better one after which a stage ends early; None for never.
        augmentation: arguments of `braintumor_tf.augment.ImageDataGenerator`, for training images only.
        precision: one of `PRECISIONS`; it has to be the model's (`braintumor_tf.training.in_precision`), or ``"auto"``.
        normalisation_momentum: share of the running statistics of batch normalisation that one step keeps, from 0 to
            under 1; ``"auto"`` for what fits the number of steps in an epoch
            (`braintumor_tf.training.stages.normalisation_momentum`); None for that of the model.
        counterfactuals: pairs of each healthy head with and without a lesion, and one pair of each head whose lesion is
            known, in the place of the training images (`braintumor_tf.augment.make_pairs`); 0 for none.
        controls: of the pictures of the pairs that keep their label, the share that is changed elsewhere, 0..1.
        grey_curves: highest share of a random grey curve (`braintumor_tf.augment.GreyCurve`), 0..1; 0 for none.
        bias_fields: highest coefficient of a random bias field (`braintumor_tf.augment.BiasField`); 0 for none.
        blur: highest standard deviation of a random blur, in pixels of the network's images; 0 for none.
        box_loss: weight of the loss of a second head that finds the lesion; it is no part of the model; 0 for none.
        balance: ``"origin_class"`` lets all pairs of origin and class count alike in the loss; None for as they are.
        group_dro: step with which the loss follows its worst pair of origin and class (group-DRO); 0 for the mean.
    """

    stages: tuple[Stage, ...] = (Stage(),)
    batch_size: int = 32
    weight_decay: float = 0.0
    label_smoothing: float = 0.05
    clip_norm: float | None = 1.0
    class_weights: str | Mapping[str, float] | None = None
    monitor: str = "val_macro_f1"
    patience: int | None = 12
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    precision: str = AUTO
    normalisation_momentum: float | str | None = None
    counterfactuals: int = 0
    controls: float = 0.5
    grey_curves: float = 0.0
    bias_fields: float = 0.0
    blur: float = 0.0
    box_loss: float = 0.0
    balance: str | None = None
    group_dro: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as a plain dictionary for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Returns the preset that `to_dict` described."""
        return cls(**{**values, "stages": tuple(Stage(**stage) for stage in values["stages"])})


def rank(monitor: str, score: float) -> float:
    """Returns a score of one of `MONITORS` such that larger is better: a loss changes its sign.

    Example:
        >>> rank("val_accuracy", 0.9), rank("val_loss", 0.3)
        (0.9, -0.3)
    """
    return score if MONITORS[monitor] == "max" else -score


AUGMENTATION: Mapping[str, Any] = MappingProxyType(
    {
        "rotation_range": 15,
        "width_shift_range": 0.08,
        "height_shift_range": 0.08,
        "zoom_range": 0.15,
        "horizontal_flip": True,
        "fill_mode": "nearest",
    }
)
"""Small changes of pose that a slice could really have; a head is nearly symmetric, so it may be mirrored."""

STRONG_AUGMENTATION: Mapping[str, Any] = MappingProxyType(
    {
        **AUGMENTATION,
        "rotation_range": 20,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "zoom_range": 0.2,
        "brightness_range": (0.8, 1.2),
    }
)
"""Larger changes, of brightness too, for pretrained networks, which otherwise know the training images by heart."""

_TRANSFER = Preset(
    stages=(
        Stage("head", epochs=20, learning_rate=2e-3, warmup=0.0, trains=HEAD, views=2),
        Stage("fine_tuning", epochs=20, learning_rate=1e-3, warmup=0.1, trains=0.75),
    ),
    weight_decay=0.05,
    label_smoothing=0.1,
    augmentation=dict(STRONG_AUGMENTATION),
    patience=None,
    normalisation_momentum=AUTO,
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "scratch": Preset(augmentation=dict(AUGMENTATION)),
        "transfer": _TRANSFER,
        "lesion_aware": replace(
            _TRANSFER, counterfactuals=1, grey_curves=0.5, bias_fields=0.3, blur=1.0, box_loss=0.2, label_smoothing=0.05
        ),
        "smoke": Preset((Stage(epochs=2),), batch_size=16, patience=None, augmentation={"horizontal_flip": True}),
        "pca": Preset(stages=(Stage(epochs=1, warmup=0.0),), class_weights=None, patience=None, label_smoothing=0.0),
    }
)
"""Every preset by name.

- ``scratch``: for a network from random weights.
- ``transfer``: for pretrained networks. The head is fitted first on the frozen backbone, because the large gradients of
  a random head would spoil pretrained features. Then the last three quarters of the blocks are trained at a lower rate.
- ``lesion_aware``: as ``transfer``, with counterfactual pairs, other scanners' grey levels and a second head that finds
  the lesion, so that the class cannot be told by the place a picture comes from. It needs known lesions.
- ``smoke``: two epochs, to see that everything runs.
- ``pca``: for the pipeline, which reads the class weights, the monitor, the batch size and the augmentation alone."""
