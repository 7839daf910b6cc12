"""Lesion boxes as text, and carrying them into the pose of a copy."""

from __future__ import annotations

import numpy as np


def format_box(box: np.ndarray) -> str:
    """Returns a box as text: x and y of its middle, width and height, in shares of the picture.

    Example:
        >>> format_box(np.array([0.5, 0.25, 0.2, 0.1]))
        '0.5 0.25 0.2 0.1'
    """
    return " ".join(f"{value:.4f}".rstrip("0").rstrip(".") for value in box)


def parse_box(text: str) -> np.ndarray | None:
    """Returns the four numbers of a box, None where there is none.

    Raises:
        ValueError: the text is not four numbers of a box that lies in its picture.

    Example:
        >>> parse_box("0.5 0.25 0.2 0.1").tolist()
        [0.5, 0.25, 0.2, 0.1]
    """
    if not text:
        return None
    box = np.array(text.split(), float)
    if box.shape != (4,) or not (np.isfinite(box).all() and (box >= 0).all() and (box <= 1).all()):
        raise ValueError(f"{text!r} is no lesion box; it has x, y, width and height in shares of the picture")
    return box


def carried_box(box: np.ndarray, matrix: np.ndarray) -> np.ndarray | None:
    """Carries a box into a copy of its picture.

    The lesion is taken for the ellipse in its box: turned by a few degrees it fills a box of nearly the same size.

    Args:
        box: middle, width and height, in shares of the published picture.
        matrix: shape ``(2, 3)``: where a point of the published picture lies in the copy, both in shares of the
            picture from its middle.

    Returns:
        The box in shares of the copy, cut at its edges; None where it lies outside.

    Example:
        >>> mirrored = np.array([[-1.0, 0, 0], [0, 1, 0]])
        >>> carried_box(np.array([0.25, 0.5, 0.2, 0.1]), mirrored).round(3).tolist()
        [0.75, 0.5, 0.2, 0.1]
    """
    middle = matrix[:, :2] @ (box[:2] - 0.5) + matrix[:, 2] + 0.5
    half = np.sqrt((matrix[:, :2] ** 2) @ (box[2:] ** 2)) / 2
    low, high = np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
    if (high - low).min() <= 0:
        return None
    return np.concatenate([(low + high) / 2, high - low])
