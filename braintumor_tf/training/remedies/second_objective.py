"""From a stage's network and batches to those that minimise a second objective too, and what must outlive a stage."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd

from braintumor_tf.errors import TrainingError
from braintumor_tf.models.network import Network
from braintumor_tf.training.devices.devices import processes
from braintumor_tf.training.devices.tensorflow_mirrored import replicas
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.remedies.images import origin_classes
from braintumor_tf.training.remedies.lesion_targets import LABEL, LESION, TargetBatches, lesion_masks, lesions_known
from braintumor_tf.training.remedies.objective import GroupShares, LesionHead, ObjectiveModel, numbered_groups


class SecondObjective:
    """The second head and the groups' shares of a training; neither is a part of the network.

    Args:
        network: the network.
        rows: the training images, in the numbering of the batches.
        preset: its `box_loss` and `group_dro` are read.
        seed: of the second head's first weights.

    Raises:
        TrainingError: it was asked for on several devices, or for a network without a feature map.
    """

    def __init__(self, network: Network, rows: pd.DataFrame, preset: Preset, *, seed: int):
        self.preset = preset
        self.head: LesionHead | None = None
        self.shares: GroupShares | None = None
        self.masks: list[np.ndarray | None] = [None] * len(rows)
        self.known, self.groups = np.zeros(len(rows), bool), np.zeros(len(rows), int)
        if (preset.box_loss or preset.group_dro) and (processes() > 1 or replicas() > 1):
            raise TrainingError("box_loss and group_dro train on one device; leave them or the other devices out")
        if preset.box_loss:
            self.head = LesionHead(network.model, seed=seed)
            self.masks = lesion_masks(rows, size=network.image_size, crop=network.crop)
            self.known = lesions_known(rows, self.masks)
            if not any(mask is not None for mask in self.masks):
                raise TrainingError("no training image has a known lesion, so box_loss learns nothing; leave it out")
        if preset.group_dro:
            self.groups, names = numbered_groups(origin_classes(rows))
            self.shares = GroupShares(len(names), preset.group_dro)

    @property
    def variables(self) -> list[Any]:
        """What is trained beside the network: a checkpoint keeps it."""
        layers = [] if self.head is None else [self.head.layer]
        layers += [] if self.shares is None else [self.shares]
        return [variable for layer in layers for variable in layer.variables]

    def apply(self, trained: keras.Model, inputs: Any, batches: Any) -> tuple[keras.Model, Any]:
        """Returns what a stage trains, and on which batches.

        A stage on kept features (`Stage.views`) has no feature map: there the second head rests, with the backbone.

        Args:
            trained: the network, or its head alone.
            inputs: the batches that it is trained on, as `frozen_features.stage_inputs` returns them.
            batches: the iterator that they come from.
        """
        with_box = self.head is not None and inputs is batches
        if not with_box and self.shares is None:
            return trained, inputs
        outputs = {LABEL: trained.output, LESION: self.head.logits()} if with_box else trained.output
        model = ObjectiveModel(
            trained.input,
            outputs,
            box_loss=self.preset.box_loss,
            group_shares=self.shares,
            label_smoothing=self.preset.label_smoothing,
            name=f"{trained.name}_objective",
        )
        model.dtype_policy = trained.dtype_policy
        cells = self.head.cells if with_box else (1, 1)
        masks = self.masks if with_box else [None] * len(self.masks)
        return model, TargetBatches(inputs, batches, masks=masks, known=self.known, groups=self.groups, cells=cells)
