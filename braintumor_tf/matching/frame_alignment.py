"""The first alignment of many pairs at once: Gauss-Newton steps on small pictures of the frames' details."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from braintumor_tf.matching.polar_maps import FRAME_SHARE, GRID, frame_detail, restored

ROUGH_STEPS = 2
"""Steps of the first alignment."""

_LEAST_COSINE = 0.2
"""Correlation below which the contrast of the second is not fitted to that of the first."""

_PAIRS_AT_ONCE = 256


def rough_alignment(
    details: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    maps: np.ndarray,
    *,
    steps: int = ROUGH_STEPS,
    workers: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Some steps of inverse compositional Gauss-Newton on small details.

    Source: Baker and Matthews, "Lucas-Kanade 20 years on", IJCV 2004.

    Args:
        details: float of shape ``(n, side, side)``; `PolarMaps` has them with a side of `GRID`.
        first: positions of the templates, shape ``(pairs,)``.
        second: positions of what is laid on them.
        maps: shape ``(pairs, 2, 3)``, where a point of the first lies in the second, in shares of the frames.
        steps: how many.
        workers: threads.

    Returns:
        Better maps, and the absolute correlation that they give.
    """
    maps, likeness, side = maps.copy(), np.zeros(len(maps)), details.shape[-1]
    order = np.argsort(first, kind="stable")

    def refine(rows: np.ndarray) -> None:
        templates, which = np.unique(first[rows], return_inverse=True)
        template = _unit(details[templates].astype(np.float32).reshape(len(templates), -1))
        slopes, solve = _steepest(template.reshape(-1, side, side))
        for step in range(steps + 1):
            warped = _unit(warped_frames(details, second[rows], maps[rows], side).reshape(len(rows), -1))
            cosine = np.einsum("ij,ij->i", warped, template[which])
            if step == steps:
                break
            error = warped / np.where(np.abs(cosine) < _LEAST_COSINE, 1, cosine)[:, None] - template[which]
            gradient = np.matmul(slopes[which], error[:, :, None])[:, :, 0]
            maps[rows] = _composed(maps[rows], np.einsum("nij,nj->ni", solve[which], gradient))
        likeness[rows] = np.abs(cosine)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(refine, [order[at : at + _PAIRS_AT_ONCE] for at in range(0, len(order), _PAIRS_AT_ONCE)]))
    return maps, likeness


def details_in_frames(
    pictures: np.ndarray,
    which: np.ndarray,
    maps: np.ndarray,
    shapes: np.ndarray,
    *,
    grid: int = GRID,
    share: float = FRAME_SHARE,
    workers: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the details that pictures have in the frames of others, so that local contrast is measured alike.

    Args:
        pictures: uint8 of shape ``(n, 96, 96)``, squashed.
        which: the picture of each pair, shape ``(pairs,)``.
        maps: shape ``(pairs, 2, 3)``: where a point of the frame lies in the picture, in shares of both from their
            middles.
        shapes: shape ``(pairs, 2)``: height and width of each frame.
        grid: height and width of a detail.
        share: of the frame that is looked at together, as in `polar_maps.frame_detail`.
        workers: threads.

    Returns:
        float32 of shape ``(pairs, grid, grid)``, and which of its cells the picture reaches, of the same shape, 0 or 1.
    """
    details = np.empty((len(which), grid, grid), np.float32)

    def lay(rows: np.ndarray) -> None:
        for row in rows.tolist():
            height, width = map(int, shapes[row])
            matrix, side = maps[row], pictures.shape[1]
            linear = matrix[:, :2] * side / np.array([width, height])
            shift = matrix[:, 2] * side + (side - 1) / 2 - linear @ (np.array([width, height]) - 1) / 2
            warped = cv2.warpAffine(
                pictures[which[row]],
                np.column_stack([linear, shift]),
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            fine = frame_detail(restored(warped, (height, width)), share=share)
            details[row] = cv2.resize(fine, (grid, grid), interpolation=cv2.INTER_AREA)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lay, np.array_split(np.arange(len(which)), 4 * workers)))
    return details, inside_frames(maps, grid)


def masked_correlation(details: np.ndarray, others: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Returns the correlation of small details over the cells that count.

    Args:
        details: float of shape ``(pairs, side, side)``.
        others: the same of the others.
        inside: which cells count, 0 or 1, of the same shape.

    Returns:
        Shape ``(pairs,)``, -1 to 1: negative where grey levels are inverted, 0 where nothing counts.
    """
    mask = inside.reshape(-1, details.shape[1] * details.shape[2])
    flat = []
    for images in (details, others):
        values = images.reshape(-1, details.shape[1] * details.shape[2]) * mask
        values -= (values.sum(1) / np.maximum(mask.sum(1), 1))[:, None] * mask
        flat.append(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))
    return np.einsum("ij,ij->i", *flat)


def _unit(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _steepest(template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How each template changes with the six numbers of an affine map, and the inverse of the Gauss-Newton matrix."""
    side = template.shape[-1]
    across, down = np.zeros_like(template), np.zeros_like(template)
    across[:, :, 1:-1] = (template[:, :, 2:] - template[:, :, :-2]) * (side / 2)
    down[:, 1:-1] = (template[:, 2:] - template[:, :-2]) * (side / 2)
    place = ((np.arange(side) - (side - 1) / 2) / side).astype(np.float32)
    slopes = np.stack(
        [across * place, across * place[:, None], across, down * place, down * place[:, None], down], axis=1
    ).reshape(len(template), 6, -1)
    matrix = slopes @ slopes.transpose(0, 2, 1)
    matrix += np.eye(6, dtype=np.float32) * (0.002 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] + 1e-6)
    return slopes, np.linalg.inv(matrix)


def composed(maps: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Returns the maps that take a point through `before` first; both of shape ``(n, 2, 3)``."""
    linear = maps[:, :, :2] @ before[:, :, :2]
    return np.concatenate([linear, maps[:, :, :2] @ before[:, :, 2:] + maps[:, :, 2:]], axis=2)


def _composed(maps: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The maps after the inverse of a small change of the template."""
    square = np.tile(np.eye(3), (len(maps), 1, 1))
    square[:, :2] += change.reshape(-1, 2, 3)
    whole = np.tile(np.eye(3), (len(maps), 1, 1))
    whole[:, :2] = maps
    return (whole @ np.linalg.inv(square))[:, :2]


def warped_frames(images: np.ndarray, which: np.ndarray, maps: np.ndarray, side: int) -> np.ndarray:
    """The chosen images seen through maps of frames, 0 outside; float32 of shape ``(pairs, side, side)``."""
    middle, placed = (side - 1) / 2, maps.copy()
    placed[:, :, 2] = maps[:, :, 2] * side + middle - maps[:, :, :2].sum(2) * middle
    warped = np.empty((len(which), side, side), np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for row, (image, matrix) in enumerate(zip(which, placed.astype(np.float32))):
        cv2.warpAffine(images[image].astype(np.float32), matrix, (side, side), warped[row], flags)
    return warped


def in_frames(maps: np.ndarray, shapes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Maps from pixels to shares of the frames (x of the width, y of the height)."""
    here, there = shapes[first][:, ::-1].astype(float), shapes[second][:, ::-1].astype(float)
    linear = maps[:, :, :2] * here[:, None, :] / there[:, :, None]
    return np.concatenate([linear, (maps[:, :, 2] / there)[:, :, None]], axis=2)


def in_pixels(maps: np.ndarray, shapes: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The inverse of `in_frames`."""
    here, there = shapes[first][:, ::-1].astype(float), shapes[second][:, ::-1].astype(float)
    linear = maps[:, :, :2] / here[:, None, :] * there[:, :, None]
    return np.concatenate([linear, (maps[:, :, 2] * there)[:, :, None]], axis=2)


def inside_frames(maps: np.ndarray, side: int) -> np.ndarray:
    """Which pixels of a grid lie inside the other picture, float32 of shape ``(pairs, side, side)``."""
    inside = np.ones((len(maps), side, side), np.float32)
    edge = np.float32((side - 1) / 2 / side)
    corners = edge * np.array([[-1, 1, -1, 1], [-1, -1, 1, 1]])
    reach = np.abs(maps[:, :, :2] @ corners + maps[:, :, 2:]).max(axis=(1, 2))
    partly = np.flatnonzero(reach > edge)
    place = np.linspace(-edge, edge, side, dtype=np.float32)
    for axis in (0, 1):
        across, down, shift = (maps[partly, axis, number, None].astype(np.float32) for number in range(3))
        seen = (down * place + shift)[:, :, None] + (across * place)[:, None, :]
        inside[partly] *= np.abs(seen) <= edge
    return inside
