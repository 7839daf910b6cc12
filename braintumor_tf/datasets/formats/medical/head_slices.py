"""Which slices of a volume show the head, told without reading every voxel."""

from __future__ import annotations

import numpy as np

from braintumor_tf.datasets.formats.depth import to_bytes

SAMPLES = 64
"""At most twice as many voxels a side of each slice are looked at, evenly spaced."""

_BRIGHT = 26
"""Tissue is brighter than a tenth of the volume's range between its robust percentiles (0..255)."""

_LEAST = 0.02
"""A slice shows the head where this share of it is tissue; `braintumor_tf.datasets.head_mask` has the same share."""


def step_for(side: int) -> int:
    """Returns how many voxels lie between two that are looked at.

    Example:
        >>> [step_for(side) for side in (30, 128, 256)]
        [1, 2, 4]
    """
    return max(side // SAMPLES, 1)


def slices_with_head(samples: np.ndarray) -> np.ndarray:
    """Tells which slices of a volume show the head: at least 2 % of it are tissue.

    Tissue is what is brighter than a tenth of the range from the 0.5th to the 99.5th percentile of the whole volume
    (`formats.to_bytes`). So air is left out, whatever noise is in it, and so is a slice whose values are no numbers.

    Args:
        samples: voxels of any dtype and range, shape ``(slices, rows, columns)``.

    Returns:
        bool of shape ``(slices,)``.

    Example:
        >>> volume = np.zeros((5, 8, 8))
        >>> volume[1:4, 2:6, 2:6] = 100
        >>> slices_with_head(volume).tolist()
        [False, True, True, True, False]
    """
    return (to_bytes(samples) >= _BRIGHT).mean(axis=(1, 2)) >= _LEAST


def middle_slice(shown: np.ndarray) -> int:
    """Returns the number, from 1, of the slice midway between the first and the last that show the head.

    Where none does, as in a volume of one value, it is the middle of all.

    Example:
        >>> middle_slice(np.array([False, True, True, True, False, False]))
        3
    """
    places = np.flatnonzero(shown)
    first, last = (places[0], places[-1]) if len(places) else (0, len(shown) - 1)
    return int(first + last) // 2 + 1
