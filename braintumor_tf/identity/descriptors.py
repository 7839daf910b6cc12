"""Compact descriptors of pictures: what is kept of a published picture, so that its copies are found without it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn, idctn
from scipy.linalg import hadamard

from braintumor_tf.matching.frame_alignment import details_in_frames
from braintumor_tf.matching.polar_maps import PolarMaps
from braintumor_tf.matching.poses import pose_fingerprints

FINE_GRID = 48
"""Height and width of the detail pictures of which a descriptor keeps the low frequencies."""

FINE_SHARE = 0.25
"""Size of what the detail looks at together, half of that in the search for copies: a skull must not outshine folds."""

WAVES = 1024
"""Numbers that are kept of a detail picture: its lowest spatial frequencies, in every direction alike."""

PRINT = 96
"""Numbers that are kept of a pose fingerprint: its first principal axes."""

LEVELS = 16
"""Steps of a stored number: four bits each."""

STEP = 0.335
"""Width of a step in standard deviations: the best uniform one for normal values in 16 steps (Max, 1960)."""

_SEED = 1512427


class Descriptors(NamedTuple):
    """What is stored of `n` pictures, about 730 bytes each.

    Attributes:
        prints: uint8 of shape ``(n, VARIANTS, PRINT / 2)``: pose fingerprints, two numbers a byte.
        waves: uint8 of shape ``(n, WAVES / 2)``: the mixed low frequencies of the detail, two numbers a byte.
        circles: float16 of shape ``(n, VARIANTS, 3)``: the circles of the head, as in `PolarMaps`.
        shapes: uint8 of shape ``(n, 2)``: height and width of a small picture in its own aspect ratio.
    """

    prints: np.ndarray
    waves: np.ndarray
    circles: np.ndarray
    shapes: np.ndarray


def make_descriptors(measured: PolarMaps, pictures: np.ndarray, *, workers: int = 2) -> Descriptors:
    """Returns the descriptors of pictures.

    Args:
        measured: from `matching.polar_maps.measure`.
        pictures: uint8 of shape ``(n, 96, 96)``, those that were measured.
        workers: threads.
    """
    prints = short_prints(measured).transpose(1, 0, 2) * np.sqrt(PRINT)
    as_they_are = np.tile(np.eye(2, 3), (len(pictures), 1, 1))
    rows = np.arange(len(pictures))
    details, _ = details_in_frames(
        pictures, rows, as_they_are, measured.shapes, grid=FINE_GRID, share=FINE_SHARE, workers=workers
    )
    waves = _low_waves(details)
    waves = (waves / np.maximum(waves.std(axis=1, keepdims=True), 1e-6)) @ _mixture()
    return Descriptors(
        _packed(prints), _packed(waves), measured.circles.astype(np.float16), measured.shapes.astype(np.uint8)
    )


def short_prints(measured: PolarMaps) -> np.ndarray:
    """Returns the first numbers of pose fingerprints, float32 of shape ``(VARIANTS, n, PRINT)``, of length 1."""
    prints = pose_fingerprints(measured.spectra)[:, :, :PRINT]
    return prints / np.maximum(np.linalg.norm(prints, axis=2, keepdims=True), 1e-6)


def stored_prints(stored: Descriptors) -> np.ndarray:
    """Returns the fingerprints of descriptors, float32 of shape ``(VARIANTS, n, PRINT)``, of length about 1."""
    return np.ascontiguousarray(_unpacked(stored.prints).transpose(1, 0, 2)) / np.float32(np.sqrt(PRINT))


def restored_waves(stored: Descriptors) -> np.ndarray:
    """Returns the low frequencies of descriptors, float32 of shape ``(n, WAVES)``, no longer mixed."""
    return _unpacked(stored.waves) @ _mixture().T


def restored_details(waves: np.ndarray, *, grid: int = FINE_GRID) -> np.ndarray:
    """Returns the details that low frequencies make, float32 of shape ``(n, grid, grid)``.

    Args:
        waves: shape ``(n, WAVES)``.
        grid: `FINE_GRID` or less; frequencies that a smaller grid does not hold are left out.
    """
    return idctn(_placed(waves)[:, :grid, :grid], axes=(1, 2), norm="ortho") * np.float32(grid / FINE_GRID)


def low_details(details: np.ndarray) -> np.ndarray:
    """Returns details of side `FINE_GRID` with no more than the frequencies that a descriptor keeps."""
    return restored_details(_low_waves(details))


def joined(parts: Sequence[Descriptors]) -> Descriptors:
    """Returns the descriptors of several sets as those of one."""
    return Descriptors(*(np.concatenate(column) for column in zip(*parts)))


@cache
def _kept() -> np.ndarray:
    """Places of the kept frequencies in a flat cosine transform, the lowest first."""
    down, across = np.mgrid[:FINE_GRID, :FINE_GRID]
    return np.argsort((down**2 + across**2).ravel(), kind="stable")[:WAVES]


@cache
def _mixture() -> np.ndarray:
    """A fixed orthonormal matrix that spreads each frequency over all stored numbers, the same on every machine.

    Drawn by the frozen `RandomState`: the numbers of the newer generators may change with NumPy.
    """
    signs = np.random.RandomState(_SEED).randint(0, 2, WAVES) * 2 - 1
    return (hadamard(WAVES) * signs[:, None] / np.sqrt(WAVES)).astype(np.float32)


def _low_waves(details: np.ndarray) -> np.ndarray:
    waves = dctn(details.astype(np.float32), axes=(1, 2), norm="ortho")
    return waves.reshape(-1, FINE_GRID**2)[:, _kept()]


def _placed(waves: np.ndarray) -> np.ndarray:
    """Kept frequencies at their places in whole cosine transforms of shape ``(n, FINE_GRID, FINE_GRID)``."""
    every = np.zeros((len(waves), FINE_GRID**2), np.float32)
    every[:, _kept()] = waves
    return every.reshape(-1, FINE_GRID, FINE_GRID)


def _packed(values: np.ndarray) -> np.ndarray:
    """Numbers of deviation 1 in `LEVELS` steps, two a byte."""
    step = np.clip(np.floor(values / STEP) + LEVELS // 2, 0, LEVELS - 1).astype(np.uint8)
    return step[..., ::2] | step[..., 1::2] << 4


def _unpacked(packed: np.ndarray) -> np.ndarray:
    step = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
    return (step.astype(np.float32) - (LEVELS - 1) / 2) * np.float32(STEP)
