"""Copies in another pose: candidates found by their fingerprints, confirmed by alignment, and the pose in words."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pandas as pd

from braintumor_tf.matching.alignment import Aligned, align
from braintumor_tf.matching.polar_maps import measure
from braintumor_tf.matching.poses import candidates, inverse
from braintumor_tf.matching.tones import darkened, equalised

POSE_CORRELATION = 0.95
"""Correlation over the overlap, once aligned, from which two pictures are one picture in two poses."""

POSE_DETAIL = 0.92
"""Correlation of their details over the overlap that they need as well: heads are alike, their details are not."""

SAME_DETAIL = 0.96
"""Correlation of their details from which two poses are taken for one picture, and not for neighbouring slices."""

POSE_COLUMNS = ("pose", "angle", "scale", "shift_x", "shift_y", "mirrored", "inverted")
"""The columns that say how the second picture of a pair lies to the first."""

AS_IT_IS = ("as it is", 0.0, 1.0, 0.0, 0.0, False, False)
"""The values of `POSE_COLUMNS` for two pictures in the same pose."""


def pose_pairs(
    pictures: np.ndarray, sizes: np.ndarray, known: np.ndarray, *, correlation: float = POSE_CORRELATION
) -> pd.DataFrame:
    """Finds the pairs of pictures that are one picture in two poses.

    Args:
        pictures: uint8 of shape ``(n, 96, 96)``, squashed to squares.
        sizes: shape ``(n, 2)``: height and width in pixels of the images that they were made of.
        known: int64 codes ``first * n + second`` of pairs that are not looked for.
        correlation: the least correlation once aligned; never less than `POSE_CORRELATION`.

    Returns:
        ``first``, ``second`` (positions, first < second), ``correlation``, ``detail`` (the correlation of their
        details), and `POSE_COLUMNS`: ``pose`` in words,
        ``angle`` (degrees, -180 to 180, clockwise) by which the first is turned to lie on the second, after it is
        mirrored left to right if ``mirrored``; ``scale``, by which it is enlarged relative to the frames;
        ``shift_x`` and ``shift_y`` of its middle, in shares of the second's width and height; ``inverted`` grey
        levels.
    """
    if len(pictures) < 2:
        return _table(None, None)
    workers, count = os.cpu_count() or 1, len(pictures)
    source = np.concatenate([np.arange(count), equalised(pictures)])
    shown = np.concatenate([pictures, darkened(pictures[source[count:]])])
    measured = measure(shown, np.asarray(sizes)[source], workers=workers)
    twins = source[count:] * len(source) + np.arange(count, len(source))
    skipped = np.concatenate([known // count * len(source) + known % count, twins])
    aligned = align(candidates(measured, skipped, workers=workers), measured, shown, workers=workers)
    same = (aligned.correlation >= max(correlation, POSE_CORRELATION)) & (aligned.detail >= POSE_DETAIL)
    aligned = _of_sources(Aligned(*(column[same] for column in aligned)), source, known, count)
    return _table(aligned, measured.shapes)


def _of_sources(aligned: Aligned, source: np.ndarray, known: np.ndarray, count: int) -> Aligned:
    """The pairs of the pictures that darkened ones were made of: each once, where its details agree best."""
    first, second, maps = source[aligned.first], source[aligned.second], aligned.maps.copy()
    swapped = first > second
    maps[swapped] = inverse(maps[swapped])
    first, second = np.minimum(first, second), np.maximum(first, second)
    codes = first * count + second
    order = np.lexsort((-aligned.detail, codes))
    order = order[np.unique(codes[order], return_index=True)[1]]
    order = order[(first != second)[order] & ~np.isin(codes[order], known)]
    return Aligned(*(column[order] for column in aligned._replace(first=first, second=second, maps=maps)))


def turned_back(second: np.ndarray, shape: tuple[int, int], row: pd.Series | dict) -> np.ndarray:
    """Returns the second picture of a pair laid on the first.

    Args:
        second: uint8 of shape ``(height, width)`` or ``(height, width, channels)``.
        shape: height and width of the first picture.
        row: with `POSE_COLUMNS` but ``pose``.

    Returns:
        uint8 of the first's height and width, black where the second does not reach.

    Example:
        >>> second = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
        >>> pose = dict(zip(POSE_COLUMNS, ("mirrored", 0.0, 1.0, 0.0, 0.0, True, False)))
        >>> turned_back(second, (3, 3), pose).tolist()
        [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    """
    height, width = second.shape[:2]
    angle = np.deg2rad(row["angle"])
    scale = row["scale"] * np.sqrt(height * width / (shape[0] * shape[1]))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = linear @ np.diag([-1.0 if row["mirrored"] else 1.0, 1.0])
    middle, other = (np.array(shape[::-1]) - 1) / 2, (np.array([width, height]) - 1) / 2
    shift = other + np.array([row["shift_x"] * width, row["shift_y"] * height]) - linear @ middle
    source = 255 - second if row["inverted"] else second
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, np.column_stack([linear, shift]), (shape[1], shape[0]), flags=flags)


def pose_name(angle: float, mirrored: bool) -> str:
    """Names a pose by its mirror and its nearest quarter turn.

    Example:
        >>> pose_name(-88.0, False), pose_name(3.0, False), pose_name(180.0, True)
        ('turned 270', 'as it is', 'mirrored and turned 180')
    """
    quarter = round(angle / 90) * 90 % 360
    words = ["mirrored" if mirrored else "", f"turned {quarter}" if quarter else ""]
    return " and ".join(filter(None, words)) or "as it is"


def _table(aligned: Aligned | None, shapes: np.ndarray | None) -> pd.DataFrame:
    """The pairs as a table."""
    columns = ["first", "second", "correlation", "detail", *POSE_COLUMNS]
    if aligned is None or not len(aligned.first):
        return pd.DataFrame({name: [] for name in columns}).astype({"first": int, "second": int})
    return pd.DataFrame(
        {
            "first": aligned.first,
            "second": aligned.second,
            "correlation": aligned.correlation,
            "detail": aligned.detail,
            **pose_facts(aligned.maps, shapes[aligned.second]),
            "inverted": aligned.inverted,
        }
    )


def pose_facts(maps: np.ndarray, shapes: np.ndarray) -> dict[str, np.ndarray | list[str]]:
    """Takes affine maps apart into the facts of `POSE_COLUMNS`, all but ``inverted``.

    Args:
        maps: shape ``(pairs, 2, 3)``: where a point of the first lies in the second, in pixels from the middles.
        shapes: shape ``(pairs, 2)``: height and width of the second in such pixels.

    Example:
        >>> mirrored = np.array([[[-1.0, 0, 0], [0, 1, 4]]])
        >>> facts = pose_facts(mirrored, np.array([[96, 96]]))
        >>> facts["pose"], facts["shift_y"].round(3).tolist()
        (['mirrored'], [0.042])
    """
    linear, shift = maps[:, :, :2], maps[:, :, 2]
    mirrored = np.linalg.det(linear) < 0
    plain = linear.copy()
    plain[mirrored, :, 0] *= -1
    angle = np.rad2deg(np.arctan2(plain[:, 1, 0] - plain[:, 0, 1], plain[:, 0, 0] + plain[:, 1, 1]))
    return {
        "pose": [pose_name(turn, flip) for turn, flip in zip(angle, mirrored)],
        "angle": angle,
        "scale": np.sqrt(np.abs(np.linalg.det(linear))),
        "shift_x": shift[:, 0] / shapes[:, 1],
        "shift_y": shift[:, 1] / shapes[:, 0],
        "mirrored": mirrored,
    }
