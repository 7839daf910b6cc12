"""Aligning two pictures: an affine map that lays one on the other, and how alike they then are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from braintumor_tf.matching.frame_alignment import in_frames, in_pixels, inside_frames, rough_alignment, warped_frames
from braintumor_tf.matching.polar_maps import PolarMaps, frame_detail, restored
from braintumor_tf.matching.poses import Candidates, inverse

LEAST_ROUGH = 0.78
"""Correlation of the details after the first alignment from which two pictures are aligned to the end."""

LEAST_FIRST_LOOK = 0.9
"""Correlation of the details on a grid of 48 x 48 from which two pictures are aligned to the end."""

FINE_STEPS, FINE_CHANGE = 15, 1e-4
"""Steps of OpenCV's ECC at most, and the change of its correlation at which it stops."""

LEAST_OVERLAP = 0.3
"""Share of the smaller picture's frame that the other must cover."""

_CHECK_GRID, _CHECK_WIDTH, _FINE_WIDTH = 48, 11, 15
_PAIRS_AT_ONCE = 256
_MARGIN = 2


class Aligned(NamedTuple):
    """Pairs of aligned pictures.

    Attributes:
        first, second: positions, int64 of shape ``(pairs,)``, ``first < second``.
        maps: float64 of shape ``(pairs, 2, 3)``: where a point of the first lies in the second, in pixels of the small
            pictures in their own aspect ratio, from their middle.
        correlation: of grey levels or, where that is higher, of their ranks, over the overlap; absolute.
        detail: correlation of the details over the overlap, absolute.
        inverted: whether light in one is dark in the other.
    """

    first: np.ndarray
    second: np.ndarray
    maps: np.ndarray
    correlation: np.ndarray
    detail: np.ndarray
    inverted: np.ndarray


def align(found: Candidates, measured: PolarMaps, pictures: np.ndarray, *, workers: int = 2) -> Aligned:
    """Aligns candidate pairs in three passes, each with fewer pairs and finer pictures than the one before.

    First all pairs take two Gauss-Newton steps on details of 32 x 32. Those that agree are compared on 48 x 48. What
    still agrees is aligned by the enhanced correlation coefficient of OpenCV (`cv2.findTransformECC`: Evangelidis and
    Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", PAMI 2008).

    Args:
        found: candidates and their rough maps.
        measured: the polar maps of all pictures.
        pictures: uint8 of shape ``(n, 96, 96)``.
        workers: threads.
    """
    first, second, maps, swapped = smaller_first(found, measured.shapes)
    maps = in_frames(maps, measured.shapes, first, second)
    maps, likeness = rough_alignment(measured.details, first, second, maps, workers=workers)
    kept = likeness >= LEAST_ROUGH
    first, second, maps, swapped = first[kept], second[kept], maps[kept], swapped[kept]
    prepared = _prepare(np.unique([first, second]), measured, pictures, workers)
    kept = _first_look(prepared, first, second, maps, workers) >= LEAST_FIRST_LOOK
    first, second, maps, swapped = first[kept], second[kept], maps[kept], swapped[kept]
    maps = in_pixels(maps, measured.shapes, first, second)
    with ThreadPoolExecutor(workers) as pool:
        fine = list(
            pool.map(lambda left, right, start: align_two(prepared[left], prepared[right], start), first, second, maps)
        )
    maps = np.array([row[0] for row in fine]).reshape(-1, 2, 3)
    correlation, detail, inverted = (np.array([row[place] for row in fine]) for place in (1, 2, 3))
    maps[swapped] = inverse(maps[swapped])
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    return Aligned(first, second, maps, correlation, detail, inverted.astype(bool))


class Prepared(NamedTuple):
    """A picture made ready for alignment.

    Attributes:
        grey: float32, smoothed, in its own aspect ratio, 0..255.
        detail: float32 of the same shape, its detail.
        checks: float32 of shape ``(2, 48, 48)``: smoothed further and squashed; as it is, and histogram equalised.
    """

    grey: np.ndarray
    detail: np.ndarray
    checks: np.ndarray


def prepare(picture: np.ndarray, shape: tuple[int, int]) -> Prepared:
    """Makes a small picture ready for alignment.

    Args:
        picture: uint8 of shape ``(96, 96)``, squashed.
        shape: height and width that restore its aspect ratio.
    """
    grey = restored(picture, shape)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.1)
    check = cv2.resize(smooth, (_CHECK_GRID,) * 2, interpolation=cv2.INTER_AREA)
    return Prepared(grey, frame_detail(grey), np.stack([check, cv2.equalizeHist(check.astype(np.uint8))]))


def align_two(first: Prepared, second: Prepared, start: np.ndarray) -> tuple[np.ndarray, float, float, bool]:
    """Aligns two pictures from a start that is nearly right.

    Args:
        first: the picture whose frame is compared.
        second: the other.
        start: shape ``(2, 3)``: where a point of the first lies in the second, in pixels from the middles.

    Returns:
        The map, the correlation, that of the details, and whether grey levels are inverted; correlations are 0 where
        the pictures do not overlap by `LEAST_OVERLAP`.
    """
    start = _corner_based(start, first.grey.shape, second.grey.shape)
    sign = -1.0 if _overlap_correlation(first.detail, second.detail, start) < 0 else 1.0
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, FINE_STEPS, FINE_CHANGE)
    try:
        _, found = cv2.findTransformECC(
            first.detail, sign * second.detail, start.astype(np.float32), cv2.MOTION_AFFINE, stop, None, 1
        )
    except cv2.error:  # it did not converge
        found = start
    warped, inside = _warp(second.grey, found, first.grey.shape)
    found = _middle_based(found, first.grey.shape, second.grey.shape)
    if inside.mean() < LEAST_OVERLAP:
        return found, 0.0, 0.0, False
    left, right = first.grey[inside], warped[inside]
    plain = _correlation(left, right)
    ranks = _ranks(left), _ranks(right)
    details = _detail_correlation(first.grey, warped, inside)
    even = _detail_correlation(_spread(ranks[0], inside), _spread(ranks[1], inside), inside)
    details = max(details, even, key=abs)
    return found, max(abs(plain), abs(_correlation(*ranks))), abs(details), details < 0


def smaller_first(found: Candidates, shapes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Puts the picture whose frame lies inside the other's first, so that the overlap is all of its frame.

    Args:
        found: candidates and their maps.
        shapes: height and width of all pictures, shape ``(n, 2)``.

    Returns:
        First and second positions, maps, and which pairs were swapped.
    """
    area = np.abs(np.linalg.det(found.maps[:, :, :2])) * shapes[found.first].prod(1) / shapes[found.second].prod(1)
    swapped, maps = area > 1, found.maps.copy()
    maps[swapped] = inverse(maps[swapped])
    first = np.where(swapped, found.second, found.first)
    return first, np.where(swapped, found.first, found.second), maps, swapped


def _prepare(rows: np.ndarray, measured: PolarMaps, pictures: np.ndarray, workers: int) -> dict[int, Prepared]:
    with ThreadPoolExecutor(workers) as pool:
        made = pool.map(lambda row: prepare(pictures[row], measured.shapes[row]), rows)
        return dict(zip(rows.tolist(), made))


def _first_look(
    prepared: dict[int, Prepared], first: np.ndarray, second: np.ndarray, maps: np.ndarray, workers: int
) -> np.ndarray:
    """Correlation of the details of 48 x 48 over the overlap, equalised if they need it; 0 where it is too small."""
    result = np.zeros(len(first))

    def look(rows: np.ndarray, kind: int) -> None:
        left = np.stack([prepared[place].checks[kind] for place in first[rows].tolist()])
        right = np.stack([prepared[place].checks[kind] for place in second[rows].tolist()])
        warped = warped_frames(right, np.arange(len(rows)), maps[rows], _CHECK_GRID)
        found = np.abs(_masked_detail_correlation(left, warped, inside_frames(maps[rows], _CHECK_GRID)))
        result[rows] = np.maximum(result[rows], found)

    with ThreadPoolExecutor(workers) as pool:
        for kind in (0, 1):
            left_over = np.flatnonzero(result < LEAST_FIRST_LOOK)
            chunks = [left_over[start : start + _PAIRS_AT_ONCE] for start in range(0, len(left_over), _PAIRS_AT_ONCE)]
            list(pool.map(partial(look, kind=kind), chunks))
    return result


def _blurred(images: np.ndarray, width: int) -> np.ndarray:
    """A box blur of many images of shape ``(n, side, side)``, as channels of one."""
    layers, result = 64, np.empty_like(images)
    for start in range(0, len(images), layers):
        stack = np.ascontiguousarray(images[start : start + layers].transpose(1, 2, 0))
        blurred = cv2.blur(stack, (width, width)).reshape(stack.shape)
        result[start : start + layers] = blurred.transpose(2, 0, 1)
    return result


def _masked_detail_correlation(left: np.ndarray, right: np.ndarray, inside: np.ndarray) -> np.ndarray:
    share = _blurred(inside, _CHECK_WIDTH) + 1e-3
    flat = []
    for images in (left, right):
        fine = (images - _blurred(images * inside, _CHECK_WIDTH) / share) * inside
        fine /= np.sqrt(np.maximum(_blurred(fine * fine, _CHECK_WIDTH) / share, 0)) + 3
        flat.append(fine.reshape(len(fine), -1))
    product = np.einsum("ij,ij->i", *flat)
    length = np.sqrt(np.einsum("ij,ij->i", flat[0], flat[0]) * np.einsum("ij,ij->i", flat[1], flat[1]))
    return np.where(inside.mean((1, 2)) < LEAST_OVERLAP, 0, product / np.maximum(length, 1e-6))


def _corner_based(matrix: np.ndarray, here: tuple[int, int], there: tuple[int, int]) -> np.ndarray:
    """A map between pixels from the middles as one between pixels from the corners."""
    middle = [(np.array(shape[::-1]) - 1) / 2 for shape in (here, there)]
    return np.column_stack([matrix[:, :2], matrix[:, 2] + middle[1] - matrix[:, :2] @ middle[0]])


def _middle_based(matrix: np.ndarray, here: tuple[int, int], there: tuple[int, int]) -> np.ndarray:
    middle = [(np.array(shape[::-1]) - 1) / 2 for shape in (here, there)]
    return np.column_stack([matrix[:, :2], matrix[:, 2] - middle[1] + matrix[:, :2] @ middle[0]]).astype(float)


def _warp(image: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """An image seen through a map, and which pixels of it are real, a margin apart."""
    size, flags = shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = matrix.astype(np.float32)
    inner = np.zeros(image.shape, np.uint8)
    inner[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN] = 1
    inside = cv2.warpAffine(inner, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    inside[:_MARGIN] = inside[-_MARGIN:] = 0
    inside[:, :_MARGIN] = inside[:, -_MARGIN:] = 0
    return cv2.warpAffine(image, matrix, size, flags=flags), inside.astype(bool)


def _local(grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The detail of a picture inside a mask, from grey levels of the mask alone."""
    mask = inside.astype(np.float32)
    share = cv2.blur(mask, (_FINE_WIDTH,) * 2) + 1e-3
    fine = (grey - cv2.blur(grey * mask, (_FINE_WIDTH,) * 2) / share) * mask
    power = cv2.blur(fine * fine, (_FINE_WIDTH,) * 2) / share
    return fine / (cv2.sqrt(cv2.max(power, 0)) + 3)


def _ranks(grey: np.ndarray) -> np.ndarray:
    """The mean rank of each value among all, grey levels counted whole; shares, 0..1."""
    level = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    counts = np.bincount(level, minlength=256)
    return ((np.cumsum(counts) - counts / 2) / len(grey)).astype(np.float32)[level]


def _detail_correlation(left: np.ndarray, right: np.ndarray, inside: np.ndarray) -> float:
    return _correlation(_local(left, inside)[inside], _local(right, inside)[inside])


def _spread(ranks: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Ranks of the pixels inside a mask as grey levels that are all equally frequent: the histogram equalised."""
    grey = np.zeros(inside.shape, np.float32)
    grey[inside] = ranks * 255
    return grey


def _overlap_correlation(first: np.ndarray, second: np.ndarray, matrix: np.ndarray) -> float:
    warped, inside = _warp(second, matrix, first.shape)
    return _correlation(first[inside], warped[inside]) if inside.any() else 0.0


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    left, right = left - left.mean(), right - right.mean()
    length = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / length) if length > 0 else 0.0
