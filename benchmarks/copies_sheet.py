"""A contact sheet of pairs of pictures, for looking at what is missed. It shows patients' images: keep it private."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIDE, PER_ROW, TITLE = 112, 6, 20


def write_sheet(path: Path, pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
    """Writes a picture with a title for each name and its pairs below, the original on the left of its copy.

    Args:
        path: an image file to write.
        pairs: grey images, uint8, by name; names without pairs are left out.
    """
    strips = []
    for name, images in pairs.items():
        if not images:
            continue
        title = np.full((TITLE, PER_ROW * (2 * SIDE + 8), 3), 255, np.uint8)
        cv2.putText(title, f"{name}: {len(images)}", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        strips.append(title)
        for start in range(0, len(images), PER_ROW):
            row = np.full((SIDE + 4, title.shape[1], 3), 255, np.uint8)
            for place, (first, second) in enumerate(images[start : start + PER_ROW]):
                for side, image in enumerate((first, second)):
                    left = place * (2 * SIDE + 8) + side * (SIDE + 1)
                    row[:SIDE, left : left + SIDE] = _fitted(image)[:, :, None]
            strips.append(row)
    blank = np.full((TITLE, SIDE, 3), 255, np.uint8)
    cv2.imwrite(str(path), np.vstack(strips) if strips else blank)


def _fitted(image: np.ndarray) -> np.ndarray:
    """An image inside a grey square of `SIDE` pixels, in its own aspect ratio."""
    scale = SIDE / max(image.shape)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SIDE, :SIDE]
    square = np.full((SIDE, SIDE), 128, np.uint8)
    down, across = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    square[down : down + small.shape[0], across : across + small.shape[1]] = small
    return square
