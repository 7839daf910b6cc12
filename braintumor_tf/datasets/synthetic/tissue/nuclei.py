"""Nuclei of cells: where they lie in a patch of tissue, and their picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TRIES = 6
"""Candidates a nucleus: the more, the closer they pack."""

_NEEDLE = 0.42
"""Half width of a fibre cell's nucleus seen from the side, relative to that of a gland's."""


@dataclass(frozen=True)
class Nuclei:
    """Ellipses in a patch; arrays of one entry a nucleus.

    Attributes:
        rows, columns: centres in pixels.
        long, short: half axes in pixels.
        angle: of the long axis in radians.
        chromatin: how much haematoxylin it takes up.
    """

    rows: np.ndarray
    columns: np.ndarray
    long: np.ndarray
    short: np.ndarray
    angle: np.ndarray
    chromatin: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def painted(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws the nuclei.

        Returns:
            Two float arrays of shape ``(side, side)``: how far a pixel lies inside a nucleus, 0..1 with soft edges, and
            the haematoxylin of the nucleus there, a little more at its rim.
        """
        inside, stain = np.zeros((side, side)), np.zeros((side, side))
        for row, column, long, short, angle, chromatin in zip(
            self.rows, self.columns, self.long, self.short, self.angle, self.chromatin, strict=True
        ):
            reach = int(np.ceil(1.4 * long)) + 1
            top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
            bottom, right = min(int(row) + reach + 1, side), min(int(column) + reach + 1, side)
            if bottom <= top or right <= left:
                continue
            window = np.s_[top:bottom, left:right]
            y, x = np.mgrid[window]
            y, x = y - row, x - column
            along = (np.cos(angle) * x + np.sin(angle) * y) / long
            across = (np.cos(angle) * y - np.sin(angle) * x) / short
            radius = np.hypot(along, across)
            cover = 1 / (1 + np.exp(np.clip((radius - 1) * 2.2 * short, -30, 30)))
            rim = 1 + 0.22 * np.exp(-(((radius - 0.85) / 0.18) ** 2))
            closer = cover > inside[window]
            stain[window] = np.where(closer, chromatin * rim, stain[window])
            inside[window] = np.maximum(inside[window], cover)
        return inside, stain


def place_nuclei(
    side: int,
    radius: float,
    density: float,
    gland: np.ndarray,
    room: np.ndarray,
    direction: float,
    malignant: bool,
    rng: np.random.Generator,
) -> Nuclei:
    """Scatters nuclei: many round ones in glands, few thin ones along the fibres; they hardly overlap.

    Args:
        side: of the patch in pixels.
        radius: of a usual nucleus in pixels.
        density: share of a gland's area that nuclei want to take.
        gland: where epithelium lies, 0..1, shape ``(side, side)``.
        room: bool of that shape; elsewhere there is nothing.
        direction: of the fibres in radians.
        malignant: larger nuclei of more varied size and stain.
        rng: where randomness comes from.
    """
    margin = 1.5 * radius  # nuclei may be cut by the patch's border
    area = (side + 2 * margin) ** 2
    tries = int(_TRIES * density * area / (np.pi * radius**2))
    rows, columns = rng.uniform(-margin, side + margin, (2, tries))
    places = np.clip(rows, 0, side - 1).astype(int), np.clip(columns, 0, side - 1).astype(int)
    in_gland = gland[places] > rng.uniform(0.3, 0.7, tries)
    wanted = room[places] & (in_gland | (rng.random(tries) < 0.055))
    spread, swelling = (0.30, 1.28) if malignant else (0.13, 1.0)
    size = radius * np.where(in_gland, swelling, 0.9) * np.exp(rng.normal(0, spread, tries))
    size = np.clip(size, 0.55 * radius, 2.1 * radius)
    lymphocyte = ~in_gland & (rng.random(tries) < 0.3)  # small, round and dark
    thin = np.where(in_gland | lymphocyte, rng.uniform(0.68, 1.0, tries), _NEEDLE)
    stretch = np.where(in_gland, 1.1, np.where(lymphocyte, 0.85, rng.uniform(1.2, 1.9, tries)))
    angle = np.where(in_gland, rng.uniform(0, np.pi, tries), direction + rng.normal(0, 0.3, tries))
    chromatin = rng.normal(1.18, 0.20 if malignant else 0.12, tries) + 0.22 * ~in_gland + 0.15 * lymphocyte
    long, short = size * stretch, size * thin
    chosen = _apart(rows, columns, (long + short) / 2, np.flatnonzero(wanted))
    return Nuclei(
        *(value[chosen] for value in (rows, columns, long, short, angle, np.clip(chromatin, 0.5, 2.2))),
    )


def _apart(rows: np.ndarray, columns: np.ndarray, radius: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Takes one candidate after the other if it lies clear of those taken before."""
    taken: list[int] = []
    for index in candidates:
        gap = np.hypot(rows[taken] - rows[index], columns[taken] - columns[index])
        if (gap > 0.92 * (radius[taken] + radius[index])).all():
            taken.append(index)
    return np.array(taken, dtype=int)
