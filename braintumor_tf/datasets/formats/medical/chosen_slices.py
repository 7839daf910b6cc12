"""Which slices of a volume are read: the middle one, all that show the head, or some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from braintumor_tf.datasets.formats.medical.head_slices import middle_slice
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.datasets.formats.medical.slice_path import SlicePath
from braintumor_tf.datasets.formats.medical.table import medical_format
from braintumor_tf.errors import DatasetError, ImageReadError

MIDDLE, ALL = "middle", "all"
"""What `slices` may be, beside a number."""


def check_slices(slices: str | int, plane: str) -> None:
    """Refuses settings that mean nothing.

    Raises:
        DatasetError: `slices` is not ``"middle"``, ``"all"`` or a number from 1, or there is no such plane.
    """
    if slices not in (MIDDLE, ALL) and not (str(slices).isdecimal() and int(slices) > 0):
        raise DatasetError(f"slices={slices!r}: give middle, all, or how many of each volume, such as 5")
    if plane not in PLANES:
        raise DatasetError(f"plane={plane!r}: give {', '.join(PLANES)}")


def choose_slices(path: str, slices: str | int, plane: str) -> tuple[list[str], int]:
    """Chooses slices of a volume.

    Args:
        path: the volume.
        slices: ``"middle"`` for the one midway between the first and the last that show the head; ``"all"`` for those
            that show it; a number for so many of them, evenly spaced (all where there are fewer).
        plane: one of `PLANES`.

    Returns:
        The paths of the slices in order, and how many slices of the volume do not show the head. Of a file with one
        slice it is the file's own path.

    Raises:
        ImageReadError: the volume cannot be read, or no slice shows a head.
    """
    shown = medical_format(path).head_slices(path, plane)
    if len(shown) == 1:
        return [path], 0
    numbers = np.flatnonzero(shown) + 1
    if not len(numbers):
        raise ImageReadError(path, f"none of its {len(shown)} {plane} slices shows a head (all voxels are alike)")
    if slices == MIDDLE:
        numbers = [middle_slice(shown)]
    elif slices != ALL and int(slices) < len(numbers):
        numbers = numbers[evenly(len(numbers), int(slices))]
    return [str(SlicePath(path, int(number), plane)) for number in numbers], int((~shown).sum())


def evenly(count: int, wanted: int) -> Sequence[int]:
    """Returns places that part a sequence evenly.

    Example:
        >>> evenly(9, 3), evenly(4, 1)
        ([1, 4, 7], [2])
    """
    return [(2 * place + 1) * count // (2 * wanted) for place in range(wanted)]
