"""What is minimised beside the cross-entropy: the loss of a second head that finds the lesion, and the worst group."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from braintumor_tf.errors import TrainingError
from braintumor_tf.training.remedies.lesion_targets import GROUP, KNOWN, LABEL, LESION

_POOLING = "average_pooling"
_FEW = 1e-6


class GroupShares(keras.layers.Layer):
    """How much each group counts in the loss: more, the larger its loss was.

    Source: Sagawa et al., "Distributionally robust neural networks for group shifts", ICLR 2020, algorithm 1.

    Args:
        groups: how many there are.
        step: how fast the shares follow the losses; the paper takes 0.01.
    """

    def __init__(self, groups: int, step: float):
        super().__init__(name="group_shares", dtype="float32")
        self.groups, self.step = groups, step
        initial = keras.initializers.Constant(1.0 / groups)
        self.shares = self.add_weight(shape=(groups,), initializer=initial, trainable=False, name="shares")
        self.built = True

    def loss(self, losses: Any, numbers: Any) -> Any:
        """Returns the mean loss of each group times its share, after the shares have followed the losses.

        Args:
            losses: of the images, shape ``(batch,)``.
            numbers: of the images' groups, shape ``(batch,)``.
        """
        members = ops.one_hot(numbers, self.groups, dtype="float32")
        counts = ops.sum(members, axis=0)
        means = ops.matmul(ops.cast(losses, "float32"), members) / ops.maximum(counts, 1.0)
        grown = self.shares * ops.exp(self.step * ops.stop_gradient(means))
        shares = grown / ops.sum(grown)
        self.shares.assign(shares)
        return ops.sum(shares * means)


class ObjectiveModel(keras.Model):
    """A network that is trained on `TargetBatches`; metrics and the validation loss are those of the network alone.

    Args:
        inputs: of the network.
        outputs: its probabilities, or a dictionary with the logits of the lesion's cells under `LESION` too.
        box_loss: weight of the second head's loss.
        group_shares: for group-DRO, or None.
        label_smoothing: as in the cross-entropy that the model is compiled with.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        box_loss: float,
        group_shares: GroupShares | None,
        label_smoothing: float,
        name: str,
    ):
        super().__init__(inputs, outputs, name=name)
        self.box_loss, self.group_shares, self.label_smoothing = box_loss, group_shares, label_smoothing

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the cross-entropy, by group if asked for, and the loss of the second head times its weight."""
        probabilities = _classes(y_pred)
        if not isinstance(y, dict):
            return super().compute_loss(x, y, probabilities, sample_weight, training=training)
        if self.group_shares is None:
            loss = super().compute_loss(x, y[LABEL], probabilities, sample_weight, training=training)
        else:
            each = keras.losses.categorical_crossentropy(y[LABEL], probabilities, label_smoothing=self.label_smoothing)
            loss = self.group_shares.loss(each, y[GROUP]) + sum(self.losses)
        if isinstance(y_pred, dict):
            loss = loss + self.box_loss * lesion_loss(y[LESION], y_pred[LESION], y[KNOWN])
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Scores the probabilities alone."""
        labels = y[LABEL] if isinstance(y, dict) else y
        return super().compute_metrics(x, labels, _classes(y_pred), sample_weight)


def _classes(outputs: Any) -> Any:
    return outputs[LABEL] if isinstance(outputs, dict) else outputs


def lesion_loss(cells: Any, logits: Any, known: Any) -> Any:
    """Returns the cross-entropy of the cells, in which lesion and rest of an image count alike where it has both.

    Args:
        cells: the lesion's share of each cell, shape ``(batch, rows, columns)``.
        logits: of the second head, of the same shape.
        known: 1 for an image whose lesion is known, 0 for one that does not count, shape ``(batch,)``.

    Returns:
        A number; 0 where no image is known.
    """
    logits = ops.cast(logits, "float32")
    each = ops.maximum(logits, 0.0) - logits * cells + ops.log1p(ops.exp(-ops.abs(logits)))

    def mean(weights: Any) -> Any:
        return ops.sum(each * weights, axis=(1, 2)) / ops.maximum(ops.sum(weights, axis=(1, 2)), _FEW)

    has = ops.cast(ops.max(cells, axis=(1, 2)) > 0, "float32")
    image = has * 0.5 * (mean(cells) + mean(1.0 - cells)) + (1.0 - has) * mean(ops.ones_like(cells))
    return ops.sum(image * known) / ops.maximum(ops.sum(known), 1.0)


class LesionHead:
    """The second head: from the last feature map of a network to the logit of each of its cells.

    It is trained with the network and no part of it, so that what is saved is the network alone.

    Args:
        model: a network built by `braintumor_tf.models.build`.
        seed: of its first weights.

    Raises:
        TrainingError: the network has no feature map before its pooling, as a ViT has none.
    """

    def __init__(self, model: keras.Model, *, seed: int):
        names = [layer.name for layer in model.layers]
        if _POOLING not in names:
            raise TrainingError(f"{model.name} has no feature map to find the lesion on; leave box_loss out")
        self.features = model.get_layer(_POOLING).input
        kernel, bias = keras.initializers.GlorotUniform(seed=seed), keras.initializers.Constant(-2.0)
        self.layer = keras.layers.Conv2D(
            1, 1, kernel_initializer=kernel, bias_initializer=bias, name="lesion_cells", dtype="float32"
        )
        self.layer.build(self.features.shape)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the feature map."""
        return tuple(self.features.shape[1:3])

    def logits(self) -> Any:
        """The logit of each cell, shape ``(batch, rows, columns)``, as a symbolic output of the network."""
        return keras.layers.Reshape(self.cells, name="lesion_logits", dtype="float32")(self.layer(self.features))


def numbered_groups(names: Any) -> tuple[np.ndarray, list[str]]:
    """Returns the number of each group's name, counted from 0 in alphabetical order, and the names.

    Example:
        >>> numbers, names = numbered_groups(["b", "a", "b"])
        >>> numbers.tolist(), names
        ([1, 0, 1], ['a', 'b'])
    """
    found, numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return numbers, found.tolist()
