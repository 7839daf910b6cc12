"""Compact descriptors of pictures: what is kept of a published picture, so that its copies are found without it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.fft import dctn, idctn
from scipy.linalg import hadamard

from braintumor_tf.matching.polar_maps import GRID, PolarMaps
from braintumor_tf.matching.poses import DIMENSIONS, pose_fingerprints

WAVES = 512
"""Numbers that are kept of a detail picture: its lowest spatial frequencies, in every direction alike."""

LEVELS = 16
"""Steps of a stored number: four bits each."""

STEP = 0.335
"""Width of a step in standard deviations: the best uniform one for normal values in 16 steps (Max, 1960)."""

_SEED = 1512427


class Descriptors(NamedTuple):
    """What is stored of `n` pictures, about 530 bytes each.

    Attributes:
        prints: uint8 of shape ``(n, VARIANTS, DIMENSIONS / 2)``: pose fingerprints, two numbers a byte.
        waves: uint8 of shape ``(n, WAVES / 2)``: the mixed low frequencies of the detail, two numbers a byte.
        circles: float16 of shape ``(n, VARIANTS, 3)``: the circles of the head, as in `PolarMaps`.
        shapes: uint8 of shape ``(n, 2)``: height and width of a small picture in its own aspect ratio.
    """

    prints: np.ndarray
    waves: np.ndarray
    circles: np.ndarray
    shapes: np.ndarray


def make_descriptors(measured: PolarMaps) -> Descriptors:
    """Returns the descriptors of pictures.

    Args:
        measured: from `matching.polar_maps.measure`.
    """
    prints = pose_fingerprints(measured.spectra).transpose(1, 0, 2) * np.sqrt(DIMENSIONS)
    waves = _low_waves(measured.details)
    waves = (waves / np.maximum(waves.std(axis=1, keepdims=True), 1e-6)) @ _mixture()
    return Descriptors(
        _packed(prints), _packed(waves), measured.circles.astype(np.float16), measured.shapes.astype(np.uint8)
    )


def fingerprints(stored: Descriptors) -> np.ndarray:
    """Returns the stored pose fingerprints, float32 of shape ``(VARIANTS, n, DIMENSIONS)``, of length about 1."""
    return np.ascontiguousarray(_unpacked(stored.prints).transpose(1, 0, 2)) / np.float32(np.sqrt(DIMENSIONS))


def restored_details(stored: Descriptors) -> np.ndarray:
    """Returns the stored details, float32 of shape ``(n, GRID, GRID)``, in units of their standard deviation."""
    return _from_waves(_unpacked(stored.waves) @ _mixture().T)


def low_details(details: np.ndarray) -> np.ndarray:
    """Returns details with no more than the frequencies that a descriptor keeps; float32 of the same shape."""
    return _from_waves(_low_waves(details))


def joined(parts: list[Descriptors]) -> Descriptors:
    """Returns the descriptors of several sets as those of one."""
    return Descriptors(*(np.concatenate(column) for column in zip(*parts)))


@cache
def _kept() -> np.ndarray:
    """Places of the kept frequencies in a flat cosine transform, the lowest first."""
    down, across = np.mgrid[:GRID, :GRID]
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
    return waves.reshape(len(details), -1)[:, _kept()]


def _from_waves(waves: np.ndarray) -> np.ndarray:
    every = np.zeros((len(waves), GRID * GRID), np.float32)
    every[:, _kept()] = waves
    return idctn(every.reshape(-1, GRID, GRID), axes=(1, 2), norm="ortho")


def _packed(values: np.ndarray) -> np.ndarray:
    """Numbers of deviation 1 in `LEVELS` steps, two a byte."""
    step = np.clip(np.floor(values / STEP) + LEVELS // 2, 0, LEVELS - 1).astype(np.uint8)
    return step[..., ::2] | step[..., 1::2] << 4


def _unpacked(packed: np.ndarray) -> np.ndarray:
    step = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
    return (step.astype(np.float32) - (LEVELS - 1) / 2) * np.float32(STEP)
