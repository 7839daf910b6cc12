"""Laying images on the published pictures that they may be: candidates, a rough and a fine alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from braintumor_tf.identity.descriptors import (
    FINE_GRID,
    FINE_SHARE,
    Descriptors,
    joined,
    low_details,
    restored_details,
    restored_waves,
    short_prints,
    stored_prints,
)
from braintumor_tf.matching.alignment import smaller_first
from braintumor_tf.matching.frame_alignment import (
    composed,
    details_in_frames,
    in_frames,
    masked_correlation,
    rough_alignment,
)
from braintumor_tf.matching.inverted_file import nearest
from braintumor_tf.matching.polar_maps import GRID, PolarMaps, detail_spectra
from braintumor_tf.matching.poses import VARIANT_PAIRS, Candidates, inverse, turned_onto

LEAST_SCORE = 0.35
"""Correlation of two polar maps, best turned, from which a candidate is aligned."""

LEAST_ROUGH = 0.3
"""Correlation of the details after the first alignment from which a candidate is laid into the frame."""

FINE = 5
"""Candidates of an image that are laid into their frames at most."""

LEAST_FINE = (0.3, 0.6)
"""Correlation before each round of the last alignment that a candidate needs to go on."""

CERTAIN = 0.97
"""Correlation from which no other candidate of an image is looked for."""

LEAST_OVERLAP = 0.3
"""Share of the published picture's frame that the image must reach."""


class Stage(NamedTuple):
    """How candidates are looked for.

    Attributes:
        pairs: the variants of image and published picture that are compared.
        neighbours: nearest pictures that are looked at for each pair of variants.
        behind: how far a candidate may stay behind the best of its image after the first alignment.
    """

    pairs: Sequence[tuple[int, int]]
    neighbours: int
    behind: float


STAGES = (Stage(VARIANT_PAIRS[:1], 2, 0.05), Stage(VARIANT_PAIRS, 5, 1.0))
"""First quickly, then thoroughly for the images that are not found."""


class Found(NamedTuple):
    """Pairs of an image and a published picture.

    Attributes:
        image: positions among the images, int64 of shape ``(pairs,)``.
        picture: positions among the published pictures.
        maps: shape ``(pairs, 2, 3)``: where a point of the published picture lies in the image, in shares of the
            frames from their middles.
        correlation: of the details over the overlap, 0 to 1.
    """

    image: np.ndarray
    picture: np.ndarray
    maps: np.ndarray
    correlation: np.ndarray

    def at(self, rows: np.ndarray) -> Found:
        """Returns some of the pairs."""
        return Found(*(column[rows] for column in self))


class Published(NamedTuple):
    """The published pictures as they are searched.

    Attributes:
        prints: float32 of shape ``(VARIANTS, n, PRINT)``.
        waves: float32 of shape ``(n, WAVES)``, no longer mixed.
        small: details, float32 of shape ``(n, GRID, GRID)``.
        circles: float32 of shape ``(n, VARIANTS, 3)``.
        shapes: int64 of shape ``(n, 2)``.
    """

    prints: np.ndarray
    waves: np.ndarray
    small: np.ndarray
    circles: np.ndarray
    shapes: np.ndarray


def published(parts: Sequence[Descriptors]) -> Published:
    """Returns the pictures of several indexes, one after the other."""
    stored = joined(parts)
    waves = restored_waves(stored)
    return Published(
        prints=stored_prints(stored),
        waves=waves,
        small=restored_details(waves, grid=GRID),
        circles=stored.circles.astype(np.float32),
        shapes=stored.shapes.astype(int),
    )


def search(measured: PolarMaps, pictures: np.ndarray, base: Published, *, workers: int = 2) -> Found:
    """Lays every image on the published pictures that it may be, without a judgement.

    Args:
        measured: the polar maps of the images.
        pictures: uint8 of shape ``(n, 96, 96)``, the images.
        base: the published pictures.
        workers: threads.

    Returns:
        Pairs; one pair may stand twice.
    """
    images, prints = len(pictures), short_prints(measured)
    as_they_are, every = np.tile(np.eye(2, 3), (images, 1, 1)), np.arange(images)
    own, _ = details_in_frames(pictures, every, as_they_are, measured.shapes, share=FINE_SHARE, workers=workers)
    details, shapes = np.concatenate([own, base.small]), np.concatenate([measured.shapes, base.shapes])
    parts, left = [], every
    for stage in STAGES:
        found = _candidates(measured, prints, base, left, stage, workers)
        rough = _roughly(found, images, details, shapes, stage.behind, workers)
        parts.append(_finely(rough, pictures, base, workers))
        left = np.setdiff1d(left, parts[-1].image[parts[-1].correlation >= CERTAIN])
    return Found(*(np.concatenate(column) for column in zip(*parts)))


def _candidates(
    measured: PolarMaps, prints: np.ndarray, base: Published, images: np.ndarray, stage: Stage, workers: int
) -> Candidates:
    """Each pair of an image and a picture once; positions of pictures come after those of the images."""
    found = []
    for here, there in stage.pairs:
        asked, second = nearest(prints[here][images], base.prints[there], stage.neighbours, workers=workers)
        first = images[asked]
        rows, which = np.unique(second, return_inverse=True)
        spectra = detail_spectra(base.small[rows], base.circles[rows, there], base.shapes[rows])
        score, maps = turned_onto(
            measured.spectra[first, here], measured.circles[first, here], spectra[which], base.circles[second, there]
        )
        good = score >= LEAST_SCORE
        found.append((first[good], second[good], score[good], maps[good]))
    first, second, score, maps = (np.concatenate(column) for column in zip(*found))
    order = np.lexsort((-score, second, first))
    pair = first[order] * len(base.shapes) + second[order]
    order = order[np.unique(pair, return_index=True)[1]]
    return Candidates(first[order], second[order] + len(measured.shapes), score[order], maps[order])


def _roughly(
    found: Candidates, images: int, details: np.ndarray, shapes: np.ndarray, behind: float, workers: int
) -> Found:
    """The first alignment, on details as they are; the best few of each image are kept."""
    first, second, maps, swapped = smaller_first(found, shapes)
    maps, likeness = rough_alignment(details, first, second, in_frames(maps, shapes, first, second), workers=workers)
    maps[~swapped] = inverse(maps[~swapped])
    order = np.lexsort((found.second, -likeness, found.first))
    result = Found(found.first, found.second - images, maps, likeness).at(order)
    start = np.searchsorted(result.image, result.image)
    kept = (np.arange(len(order)) - start < FINE) & (result.correlation >= LEAST_ROUGH)
    return result.at(kept & (result.correlation >= result.correlation[start] - behind))


def _finely(found: Found, pictures: np.ndarray, base: Published, workers: int) -> Found:
    """The last alignment: an image is laid into the published picture's frame before its detail is taken.

    Only so is its local contrast measured over the same parts of the head, whatever was cut off or added.
    """
    maps, correlation = found.maps.copy(), np.zeros(len(found.maps))
    template = restored_details(base.waves[found.picture])
    left = np.arange(len(maps))
    for least in (*LEAST_FINE, None):
        laid, inside = details_in_frames(
            pictures,
            found.image[left],
            maps[left],
            base.shapes[found.picture[left]],
            grid=FINE_GRID,
            share=FINE_SHARE,
            workers=workers,
        )
        laid = low_details(laid)
        signed = masked_correlation(template[left], laid, inside)
        correlation[left] = np.where(inside.mean(axis=(1, 2)) >= LEAST_OVERLAP, np.abs(signed), 0)
        if least is None:
            break
        best = np.zeros(len(pictures))
        np.maximum.at(best, found.image, correlation)
        going = (best[found.image[left]] < CERTAIN) & (np.abs(signed) >= least)
        left = left[going]
        maps[left] = composed(maps[left], _change(template[left], laid[going], inside[going], signed[going], workers))
    return found._replace(maps=maps, correlation=correlation)


def _change(
    template: np.ndarray, laid: np.ndarray, inside: np.ndarray, correlation: np.ndarray, workers: int
) -> np.ndarray:
    """How the place of images in their frames gets better; what they do not reach counts as a perfect fit."""
    count = len(template)
    scale = laid.std(axis=(1, 2)) * np.sign(correlation)
    laid = np.where(inside > 0, laid, template * scale[:, None, None])
    here, start = np.arange(count), np.tile(np.eye(2, 3), (count, 1, 1))
    return rough_alignment(np.concatenate([template, laid]), here, here + count, start, workers=workers)[0]
