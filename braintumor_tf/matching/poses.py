"""Fingerprints that do not mind the pose, the candidates they give, and the pose of each candidate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from braintumor_tf.matching.inverted_file import nearest
from braintumor_tf.matching.polar_maps import ANGLES, RADII, VARIANTS, PolarMaps

LAGS = (0, 1, 2, 4)
"""Distances between the rings whose harmonics are multiplied."""

DIMENSIONS = 128
"""Numbers in a fingerprint."""

VARIANT_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (3, 3))
"""The variants of two pictures that are compared: a head as it is with one cut by 4 or 8 %, and frame with frame."""

NEIGHBOURS = 5
"""Nearest pictures that are looked at for each pair of variants."""

LEAST_SCORE, LEAST_SCORE_NEAREST = 0.68, 0.54
"""Correlation of two polar maps, best turned, from which a candidate is aligned; less for the nearest."""

_PAIRS_AT_ONCE = 2048


class Candidates(NamedTuple):
    """Pairs of pictures that may be one, with the pose in which their polar maps agree best.

    Attributes:
        first: int64 of shape ``(pairs,)``, positions, ``first < second``.
        second: int64 of shape ``(pairs,)``.
        score: float32, 0..1: absolute correlation of the polar maps.
        maps: float64 of shape ``(pairs, 2, 3)``: where a point of the first lies in the second, both in pixels from
            the middle of the picture.
    """

    first: np.ndarray
    second: np.ndarray
    score: np.ndarray
    maps: np.ndarray


def invariants(spectra: np.ndarray) -> np.ndarray:
    """Returns what is left of polar spectra if the turn is forgotten.

    Turning multiplies the harmonic k of every ring by one phase, so the product of two rings' harmonics, one
    conjugated, stays; its real part also stays if the picture is mirrored, and all of it if grey levels are inverted.
    Products are brought to the scale of their factors by a signed square root.

    Args:
        spectra: complex of shape ``(n, RADII, HARMONICS)``.

    Returns:
        float32 of shape ``(n, 949)``.
    """
    parts = []
    for lag in LAGS:
        product = (spectra[:, : RADII - lag] * spectra[:, lag:].conj()).real
        parts.append((np.sign(product) * np.sqrt(np.abs(product))).reshape(len(spectra), -1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def pose_fingerprints(spectra: np.ndarray) -> np.ndarray:
    """Returns the fingerprints of pictures, one for each variant, of length 1.

    Args:
        spectra: complex of shape ``(n, VARIANTS, RADII, HARMONICS)``, from `polar_maps.measure`.

    Returns:
        float32 of shape ``(VARIANTS, n, DIMENSIONS)``.
    """
    weights = _weights()
    found = np.empty((VARIANTS, len(spectra), DIMENSIONS), np.float32)
    for variant in range(VARIANTS):
        for start in range(0, len(spectra), _PAIRS_AT_ONCE):
            chunk = slice(start, start + _PAIRS_AT_ONCE)
            values = centred(invariants(spectra[chunk, variant]), weights["mean"][variant])
            values = values @ weights["frame" if variant == VARIANTS - 1 else "head"]
            found[variant, chunk] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
    return found


def centred(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Subtracts a mean from invariants and brings them to mean 0 and length 1."""
    values = values - mean
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def best_turn(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns and mirrors the second of each two polar maps until they correlate best.

    Args:
        first: spectra, complex of shape ``(pairs, RADII, HARMONICS)``.
        second: the same of the others.

    Returns:
        The correlation (negative if grey levels are inverted), whether the second is mirrored, and the turn in
        radians by which its directions are ahead of the first's.
    """
    plain = np.fft.irfft((second * first.conj()).sum(1), ANGLES)
    mirrored = np.fft.irfft((second * first).conj().sum(1), ANGLES)
    both = np.stack([plain, mirrored], axis=1) * ANGLES
    best = np.abs(both).reshape(-1, 2 * ANGLES).argmax(1)
    flip, step = best // ANGLES, best % ANGLES
    rows = np.arange(len(both))
    before, at, after = (both[rows, flip, (step + shift) % ANGLES] for shift in (-1, 0, 1))
    bend = before - 2 * at + after
    part = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=np.abs(bend) > 1e-9)
    return at, flip == 1, (step + np.clip(part, -0.5, 0.5)) * (2 * np.pi / ANGLES)


def candidates(measured: PolarMaps, known: np.ndarray, *, neighbours: int = NEIGHBOURS, workers: int = 2) -> Candidates:
    """Finds pairs of pictures that may be one in another pose.

    Args:
        measured: the polar maps of n pictures.
        known: int64 codes ``first * n + second`` of pairs that are not asked for.
        neighbours: how many nearest pictures to look at for each picture and pair of variants.
        workers: threads.

    Returns:
        The pairs whose score is at least `LEAST_SCORE`, or `LEAST_SCORE_NEAREST` where one is the other's nearest
        that is asked for; sorted.
    """
    count, prints, chunks = len(measured.spectra), pose_fingerprints(measured.spectra), []
    for here, there in VARIANT_PAIRS:
        first, second = nearest(prints[here], prints[there], neighbours, skip_self=True, workers=workers)
        new = ~np.isin(np.minimum(first, second) * count + np.maximum(first, second), known)
        first, second = first[new], second[new]
        is_nearest = np.diff(first, prepend=-1) > 0
        if here == there:
            first, second = np.minimum(first, second), np.maximum(first, second)
        order = np.argsort(~is_nearest, kind="stable")
        codes, chosen = np.unique(first[order] * count + second[order], return_index=True)
        least = np.where(is_nearest[order][chosen], LEAST_SCORE_NEAREST, LEAST_SCORE)
        for at in range(0, len(codes), _PAIRS_AT_ONCE):
            chunks.append((codes[at : at + _PAIRS_AT_ONCE], least[at : at + _PAIRS_AT_ONCE], here, there))
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda chunk: _scored(measured, *chunk), chunks))
    if not found:
        return Candidates(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty((0, 2, 3)))
    code, score, maps = (np.concatenate(column) for column in zip(*found))
    order = np.lexsort((-score, code))
    order = order[np.unique(code[order], return_index=True)[1]]
    return Candidates(code[order] // count, code[order] % count, score[order], maps[order])


def _scored(
    measured: PolarMaps, codes: np.ndarray, least: np.ndarray, here: int, there: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ordered codes, scores and maps of those of some pairs whose score is enough."""
    count = len(measured.spectra)
    first, second = codes // count, codes % count
    score, maps = turned_onto(
        measured.spectra[first, here],
        measured.circles[first, here],
        measured.spectra[second, there],
        measured.circles[second, there],
    )
    good = score >= least
    first, second, maps = first[good], second[good], maps[good]
    swapped = first > second
    maps[swapped] = inverse(maps[swapped])
    return np.minimum(first, second) * count + np.maximum(first, second), score[good], maps


def turned_onto(
    spectra: np.ndarray, circles: np.ndarray, other_spectra: np.ndarray, other_circles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turns and mirrors pictures until their polar maps agree best with those of others.

    Args:
        spectra: complex of shape ``(pairs, RADII, HARMONICS)``.
        circles: shape ``(pairs, 3)``, the circles that they were taken in: x, y, radius.
        other_spectra: the same of the others.
        other_circles: the same of the others.

    Returns:
        The absolute correlation, and float64 maps of shape ``(pairs, 2, 3)`` as in `Candidates`.
    """
    score, mirrored, turn = best_turn(spectra, other_spectra)
    return np.abs(score), similarity(circles, other_circles, mirrored, turn)


def similarity(first: np.ndarray, second: np.ndarray, mirrored: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Returns the maps that carry circles onto circles, turned, and mirrored top to bottom after the turn.

    Args:
        first: circles, shape ``(pairs, 3)``: x, y, radius.
        second: the same of the others.
        mirrored: booleans.
        turn: radians.

    Returns:
        float64 of shape ``(pairs, 2, 3)``.
    """
    scale, sign = second[:, 2] / first[:, 2].astype(float), np.where(mirrored, -1.0, 1.0)
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([cosine, -sine, sign * sine, sign * cosine], axis=1).reshape(-1, 2, 2)
    shift = second[:, :2] - np.einsum("nij,nj->ni", linear, first[:, :2])
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def inverse(maps: np.ndarray) -> np.ndarray:
    """Returns the inverse of affine maps of shape ``(n, 2, 3)``."""
    linear = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([linear, -linear @ maps[:, :, 2:]], axis=2)


@cache
def _weights() -> dict[str, np.ndarray]:
    """The fixed means and projections; `benchmarks/pose_weights.py` made them of public pictures."""
    with files("braintumor_tf.matching").joinpath("pose_weights.npz").open("rb") as file, np.load(file) as stored:
        scale = {name: stored[f"{name}_scale"] for name in ("head", "frame")}
        return {"mean": stored["mean"].astype(np.float32)} | {
            name: stored[name].astype(np.float32) * scale[name] for name in scale
        }
