"""How slices of a volume lie and are numbered: told by the volume's affine, shown as radiologists see them.

| plane | up | left in the picture | slice 1 is | numbers grow towards |
|---|---|---|---|---|
| axial | anterior | the patient's right | the most inferior | superior |
| coronal | superior | the patient's right | the most posterior | anterior |
| sagittal | superior | anterior | the leftmost of the patient | the patient's right |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLANES = ("axial", "coronal", "sagittal")
"""The planes that a volume is cut in."""

_ACROSS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The anatomical axis that a plane's slices are numbered along: 0 to the right, 1 to anterior, 2 to superior."""


@dataclass(frozen=True)
class Orientation:
    """Which way the axes of a volume's array point, to the nearest anatomical axis.

    Attributes:
        axes: for the anatomical axes right, anterior, superior: the axis of the array that lies along it.
        forward: for each of them, whether the array's numbers grow that way.
    """

    axes: tuple[int, int, int]
    forward: tuple[bool, bool, bool]

    @classmethod
    def of_affine(cls, affine: np.ndarray) -> Orientation:
        """Tells the orientation by an affine from voxels to millimetres to the right, anterior and superior.

        An oblique volume gets the nearest axes, as `nibabel.as_closest_canonical` gives them; nothing is interpolated.

        Args:
            affine: floats of shape ``(4, 4)``.

        Raises:
            ValueError: the affine says nothing of an axis, or is not finite.
        """
        from nibabel.orientations import io_orientation

        affine = np.asarray(affine, float)
        found = io_orientation(affine) if np.isfinite(affine).all() else np.full((3, 2), np.nan)
        if not np.isfinite(found).all():
            raise ValueError("its affine does not say how its axes lie in the patient")
        axes = np.argsort(found[:, 0])
        return cls(tuple(map(int, axes)), tuple(bool(found[axis, 1] > 0) for axis in axes))

    def across(self, plane: str) -> int:
        """Returns the axis of the array that a plane's slices lie along."""
        return self.axes[_ACROSS[plane]]

    def place(self, number: int, count: int, plane: str) -> int:
        """Returns where a slice lies along that axis of the array.

        Args:
            number: of the slice, from 1.
            count: how many there are.
            plane: one of `PLANES`.
        """
        return number - 1 if self.forward[_ACROSS[plane]] else count - number

    def shown(self, pixels: np.ndarray, plane: str) -> np.ndarray:
        """Turns the two axes that a cut leaves, in the array's order, into rows and columns of the picture.

        Args:
            pixels: of two axes, such as ``voxels[:, :, 7]``.
            plane: one of `PLANES`.
        """
        column, row = (axis for axis in range(3) if axis != _ACROSS[plane])
        upright = pixels if self.axes[row] < self.axes[column] else pixels.T
        # the first row is the most superior or anterior one, the first column the patient's right or anterior
        return upright[:: -1 if self.forward[row] else 1, :: -1 if self.forward[column] else 1]
