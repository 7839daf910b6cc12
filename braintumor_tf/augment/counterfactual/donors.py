"""Whose lesion, or healthy part, goes into which head: another person's, of a slice that looks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from braintumor_tf.augment.counterfactual.heads import scale_to, smaller
from braintumor_tf.datasets.head_crop import head_box
from braintumor_tf.identity.people import persons, text_column

CANDIDATES = 8
"""Of so many donors that are drawn, the one whose slice looks most like the head is taken."""

_SIDE = 16


def appearance(image: np.ndarray) -> np.ndarray:
    """Returns what a slice looks like, to compare planes and sequences: its head on 16 x 16, mean 0, length 1.

    Args:
        image: uint8, shape ``(height, width)``.

    Returns:
        float32, shape ``(256,)``; all 0 for a flat picture.
    """
    image = smaller(image, scale_to(image.shape))
    left, upper, right, lower = head_box(image)
    small = cv2.resize(image[upper:lower, left:right], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


@dataclass(frozen=True)
class Donors:
    """Pictures that parts can be taken from.

    Attributes:
        rows: their places in the table of training images.
        classes: the label of each.
        people: the person of each, "" where nobody is known.
        groups: the group of each.
        looks: `appearance` of each, shape ``(donors, 256)``.
    """

    rows: np.ndarray
    classes: np.ndarray
    people: np.ndarray
    groups: np.ndarray
    looks: np.ndarray

    @classmethod
    def of(cls, manifest: pd.DataFrame, rows: Sequence[int], looks: np.ndarray) -> Donors:
        """Returns the donors at some places of a manifest.

        Args:
            manifest: of training images.
            rows: places in it.
            looks: `appearance` of every image of the manifest.
        """
        rows = np.asarray(rows, int)
        people, groups = persons(manifest), text_column(manifest, "group")
        columns = (each.to_numpy()[rows] for each in (manifest["label"], people, groups))
        return cls(rows, *columns, looks[rows])

    def draw(self, person: str, group: str, look: np.ndarray, generator: np.random.Generator) -> int | None:
        """Draws a donor for a head: first the class, all equally often, then the picture.

        Args:
            person: of the head, "" where nobody is known; never a donor.
            group: of the head; never a donor.
            look: `appearance` of the head.
            generator: draws.

        Returns:
            The donor's place in the manifest; None where everybody is of the person or the group.
        """
        allowed = (self.groups != group) | (group == "")
        if person:
            allowed &= self.people != person
        classes = sorted(set(self.classes[allowed]))
        if not classes:
            return None
        wanted = classes[generator.integers(len(classes))]
        places = np.flatnonzero(allowed & (self.classes == wanted))
        drawn = generator.choice(places, min(CANDIDATES, len(places)), replace=False)
        return int(self.rows[drawn[np.argmax(self.looks[drawn] @ look)]])
