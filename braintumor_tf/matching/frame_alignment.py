"""The first alignment of many pairs at once: Gauss-Newton steps on small pictures of the frames' details."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from braintumor_tf.matching.polar_maps import GRID

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
        details: float of shape ``(n, GRID, GRID)``.
        first: positions of the templates, shape ``(pairs,)``.
        second: positions of what is laid on them.
        maps: shape ``(pairs, 2, 3)``, where a point of the first lies in the second, in shares of the frames.
        steps: how many.
        workers: threads.

    Returns:
        Better maps, and the absolute correlation that they give.
    """
    maps, likeness = maps.copy(), np.zeros(len(maps))
    order = np.argsort(first, kind="stable")

    def refine(rows: np.ndarray) -> None:
        templates, which = np.unique(first[rows], return_inverse=True)
        template = _unit(details[templates].astype(np.float32).reshape(len(templates), -1))
        slopes, solve = _steepest(template.reshape(-1, GRID, GRID))
        for step in range(steps + 1):
            warped = _unit(warped_frames(details, second[rows], maps[rows], GRID).reshape(len(rows), -1))
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


def overlap_correlation(
    details: np.ndarray, first: np.ndarray, second: np.ndarray, maps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the correlation of small details over their overlap, and the share of the first that it covers.

    Args:
        details: float of shape ``(n, GRID, GRID)``.
        first: positions, shape ``(pairs,)``.
        second: positions of what is laid on them.
        maps: as `rough_alignment` gives them.

    Returns:
        The correlation, -1 to 1 (negative where grey levels are inverted), and the share, 0 to 1.
    """
    correlation, share = np.zeros(len(maps)), np.zeros(len(maps))
    for start in range(0, len(maps), _PAIRS_AT_ONCE):
        rows = slice(start, start + _PAIRS_AT_ONCE)
        inside = inside_frames(maps[rows], GRID).reshape(-1, GRID * GRID)
        count = np.maximum(inside.sum(1), 1)
        flat = []
        for images in (
            details[first[rows]].astype(np.float32),
            warped_frames(details, second[rows], maps[rows], GRID),
        ):
            values = images.reshape(len(images), -1) * inside
            values -= (values.sum(1) / count)[:, None] * inside
            flat.append(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))
        correlation[rows], share[rows] = np.einsum("ij,ij->i", *flat), inside.mean(1)
    return correlation, share


def _unit(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _steepest(template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How each template changes with the six numbers of an affine map, and the inverse of the Gauss-Newton matrix."""
    across, down = np.zeros_like(template), np.zeros_like(template)
    across[:, :, 1:-1] = (template[:, :, 2:] - template[:, :, :-2]) * (GRID / 2)
    down[:, 1:-1] = (template[:, 2:] - template[:, :-2]) * (GRID / 2)
    place = ((np.arange(GRID) - (GRID - 1) / 2) / GRID).astype(np.float32)
    slopes = np.stack(
        [across * place, across * place[:, None], across, down * place, down * place[:, None], down], axis=1
    ).reshape(len(template), 6, -1)
    matrix = slopes @ slopes.transpose(0, 2, 1)
    matrix += np.eye(6, dtype=np.float32) * (0.002 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] + 1e-6)
    return slopes, np.linalg.inv(matrix)


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
