"""Lesion boxes of a manifest: where a lesion lies when no mask of it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.lesion_boxes import parse_box
from braintumor_tf.identity.link_tables import label_contradictions


@dataclass(frozen=True)
class LesionBox:
    """An upright box around a lesion, in shares of the whole picture's width and height.

    A crop or another size of the picture that a model sees changes nothing here: maps of `explain` and boxes both
    belong to the whole picture.

    Attributes:
        x: the centre, from the left, 0 to 1.
        y: the centre, from the top, 0 to 1.
        width: above 0, at most 1.
        height: above 0, at most 1.

    Raises:
        DatasetError: a number is out of range.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.x <= 1 and 0 <= self.y <= 1
        if not (inside and 0 < self.width <= 1 and 0 < self.height <= 1):
            raise DatasetError(
                f"lesion box {self.text!r} is out of range; give centre and size as shares of the picture, 0 to 1"
            )

    @classmethod
    def of(cls, text: str) -> LesionBox:
        """Reads a box as a manifest's column ``lesion_box`` has it: ``"x y width height"``.

        Raises:
            DatasetError: these are not four numbers, or one is out of range.

        Example:
            >>> LesionBox.of("0.63 0.42 0.22 0.15").width
            0.22
        """
        try:
            numbers = parse_box(text)
        except ValueError:
            numbers = None
        if numbers is None:
            raise DatasetError(
                f"lesion box {text!r} is not four numbers; give 'x y width height', shares of the picture, 0 to 1"
            )
        return cls(*numbers.tolist())

    @property
    def text(self) -> str:
        """The box as a manifest has it."""
        return f"{self.x:g} {self.y:g} {self.width:g} {self.height:g}"

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the pixels whose centre lies in the box; of a box that holds no centre, the pixel in its middle.

        Args:
            shape: of the whole picture, ``(height, width, ...)``.

        Returns:
            bool, shape ``(height, width)``, never empty.

        Example:
            >>> LesionBox(0.5, 0.5, 0.5, 1.0).mask((1, 4)).tolist()
            [[False, True, True, False]]
        """
        rows, columns = _inside(self.y, self.height, shape[0]), _inside(self.x, self.width, shape[1])
        return rows[:, None] & columns[None, :]


def _inside(centre: float, size: float, pixels: int) -> np.ndarray:
    middles = (np.arange(pixels) + 0.5) / pixels
    inside = np.abs(middles - centre) <= size / 2
    if not inside.any():
        inside[min(math.floor(centre * pixels), pixels - 1)] = True
    return inside


def boxes_of(manifest: pd.DataFrame) -> list[LesionBox | None]:
    """Returns the lesion box of each row of a manifest, or None.

    A box counts only where the row's label is a tumour, and not one that the picture's origin contradicts: then the
    lesion is not of the class that the label says. A box without width or height, as some tables have it for "none", is
    no box.

    Args:
        manifest: a manifest; without the column ``lesion_box`` no box is known.

    Raises:
        DatasetError: a box cannot be read; the text names the image.

    Example:
        >>> rows = {"path": ["a", "b"], "label": ["glioma", "no_tumor"], "lesion_box": ["0.5 0.5 0.1 0.2", ""]}
        >>> boxes_of(pd.DataFrame(rows))
        [LesionBox(x=0.5, y=0.5, width=0.1, height=0.2), None]
    """
    if "lesion_box" not in manifest:
        return [None] * len(manifest)
    tumour = (manifest["label"] != NO_TUMOR) & ~label_contradictions(manifest)
    return [
        _box(path, text) if shown else None
        for path, text, shown in zip(manifest["path"], manifest["lesion_box"], tumour)
    ]


def _box(path: str, text: str) -> LesionBox | None:
    if not text:
        return None
    if any(size.strip("0.") == "" for size in text.split()[2:]):
        return None
    try:
        return LesionBox.of(text)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from None
