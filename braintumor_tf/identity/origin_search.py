"""Which published picture an image is, in any pose: candidates by fingerprint, aligned with the stored details."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails_and_pictures
from braintumor_tf.identity.decisions import Found, decide
from braintumor_tf.identity.descriptors import (
    FINE_GRID,
    FINE_SHARE,
    joined,
    low_details,
    restored_details,
    short_prints,
    stored_prints,
)
from braintumor_tf.identity.lesion_boxes import carried_box, format_box, parse_box
from braintumor_tf.identity.origin_index import OriginIndex
from braintumor_tf.matching.alignment import smaller_first
from braintumor_tf.matching.frame_alignment import (
    composed,
    details_in_frames,
    in_frames,
    in_pixels,
    masked_correlation,
    rough_alignment,
)
from braintumor_tf.matching.inverted_file import nearest
from braintumor_tf.matching.other_poses import pose_facts
from braintumor_tf.matching.polar_maps import GRID, PolarMaps, detail_spectra, measure
from braintumor_tf.matching.poses import VARIANT_PAIRS, Candidates, inverse, turned_onto

COLUMNS = ("origin", "origin_id", "patient", "pose", "origin_label", "lesion_box", "correlation")
"""The columns that `find_origins` returns."""

LEAST_SCORE = 0.35
"""Correlation of two polar maps, best turned, from which a candidate is aligned."""

LEAST_OVERLAP = 0.3
"""Share of the smaller picture's frame that the other must cover."""

STAGES = ((VARIANT_PAIRS[:1], 2), (VARIANT_PAIRS, 5))
"""The pairs of variants that are compared and the neighbours looked at, first quickly, then for what is not found."""

CERTAIN = 0.97
"""Correlation from which the second stage is left out."""

LEAST_ROUGH = 0.3
"""Correlation of the details after the first alignment from which a candidate is aligned to the end."""

FINE = 5
"""Candidates of an image that are aligned to the end at most."""

ROUNDS = 2
"""Rounds of the last alignment."""


class _Base(NamedTuple):
    """The published pictures as the search needs them."""

    prints: np.ndarray
    details: np.ndarray
    small: np.ndarray
    circles: np.ndarray
    shapes: np.ndarray


def find_origins(manifest: pd.DataFrame, indexes: Sequence[OriginIndex], *, show_progress: bool = True) -> pd.DataFrame:
    """Finds which published picture each image is, mirrored, turned, cropped, shifted or otherwise altered.

    Args:
        manifest: one row an image.
        indexes: the published sets; `origin_index.shipped_indexes` gives those that come with the package.
        show_progress: a progress bar where images must be read again.

    Returns:
        One row an image with the manifest's index and the columns `COLUMNS`: the set, the picture's number and
        patient there, how the image lies to it, its label there, the lesion box in shares of this image, and the
        correlation of the details once aligned; "" and NaN where the image was not found.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image, ImageOps
        >>> from braintumor_tf.datasets import render_slice, scan
        >>> from braintumor_tf.identity import make_index
        >>> picture = Image.fromarray(render_slice("glioma", "axial", seed=1, image_size=128)[0])
        >>> with TemporaryDirectory() as folder:
        ...     os.mkdir(f"{folder}/glioma")
        ...     picture.save(f"{folder}/glioma/7.png")
        ...     published = scan(folder, cache=False).manifest.assign(patient="Ann")
        ...     index = make_index(published, origin="mine", credit="me", licence="CC0")
        ...     ImageOps.mirror(picture).save(f"{folder}/glioma/new.png")
        ...     found = find_origins(scan(folder, cache=False).manifest, [index])
        >>> found[["origin_id", "patient", "pose"]].to_numpy().tolist()
        [['7', 'Ann', 'as it is'], ['7', 'Ann', 'mirrored']]
    """
    result = pd.DataFrame("", index=manifest.index, columns=list(COLUMNS), dtype=object)
    result["correlation"] = np.nan
    if not len(manifest) or not sum(map(len, indexes)):
        return result
    place, first = np.unique(manifest["pixel_hash"].to_numpy(str), return_index=True)
    images = manifest.iloc[first]
    _, pictures = thumbnails_and_pictures(images, show_progress=show_progress)
    workers = os.cpu_count() or 1
    measured = measure(pictures, images[["height", "width"]].to_numpy(), workers=workers)
    rows = pd.concat([index.rows.assign(origin=index.origin) for index in indexes], ignore_index=True)
    aligned, base = search(measured, pictures, indexes, workers=workers)
    found = decide(aligned, rows)
    table = _table(found, rows, measured.shapes, base.shapes)
    code = pd.Series(np.arange(len(place)), index=place)[manifest["pixel_hash"].to_numpy(str)].to_numpy()
    known = np.full(len(place), -1)
    known[found.image] = np.arange(len(found.image))
    hit = known[code] >= 0
    for name in COLUMNS:
        result.loc[hit, name] = table[name].to_numpy()[known[code[hit]]]
    return result.astype({"correlation": float})


def search(
    measured: PolarMaps, pictures: np.ndarray, indexes: Sequence[OriginIndex], *, workers: int = 2
) -> tuple[Found, _Base]:
    """Aligns every image with the published pictures that it may be; no judgement yet."""
    stored = joined([index.descriptors for index in indexes])
    base = _Base(
        stored_prints(stored),
        restored_details(stored),
        restored_details(stored, grid=GRID),
        stored.circles.astype(np.float32),
        stored.shapes.astype(int),
    )
    prints = short_prints(measured)
    details = np.concatenate([_own_details(measured, pictures, workers), base.small])
    shapes = np.concatenate([measured.shapes, base.shapes])
    parts, left = [], np.arange(len(measured.shapes))
    for pairs, neighbours in STAGES:
        found = _candidates(measured, base, prints, left, pairs, neighbours, workers)
        part = _roughly(found, len(measured.shapes), details, shapes, workers)
        part = _finely(part, pictures, base, workers)
        parts.append(part)
        left = np.setdiff1d(left, part.image[part.correlation >= CERTAIN])
    return Found(*(np.concatenate(column) for column in zip(*parts))), base


def _candidates(
    measured: PolarMaps,
    base: _Base,
    prints: np.ndarray,
    images: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    neighbours: int,
    workers: int,
) -> Candidates:
    """Pairs of an image and a published picture with the maps from polar maps, best first for each pair once."""
    found = []
    for here, there in pairs:
        asked, second = nearest(prints[here][images], base.prints[there], neighbours, workers=workers)
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


def _own_details(measured: PolarMaps, pictures: np.ndarray, workers: int) -> np.ndarray:
    """The images' details in their own frames, made like those of descriptors."""
    maps = np.tile(np.eye(2, 3), (len(pictures), 1, 1))
    rows = np.arange(len(pictures))
    return details_in_frames(pictures, rows, maps, measured.shapes, share=FINE_SHARE, workers=workers)[0]


def _roughly(found: Candidates, images: int, details: np.ndarray, shapes: np.ndarray, workers: int) -> Found:
    """The first alignment, on details as they are; the best few of each image are kept."""
    first, second, maps, swapped = smaller_first(found, shapes)
    maps, likeness = rough_alignment(details, first, second, in_frames(maps, shapes, first, second), workers=workers)
    maps[~swapped] = inverse(maps[~swapped])
    order = np.lexsort((found.second, -likeness, found.first))
    first = found.first[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    order = order[(rank < FINE) & (likeness[order] >= LEAST_ROUGH)]
    return Found(found.first[order], found.second[order] - images, maps[order], likeness[order])


def _finely(found: Found, pictures: np.ndarray, base: _Base, workers: int) -> Found:
    """The last alignment: the image is laid into the published picture's frame before its detail is taken."""
    template, shapes, maps = base.details[found.picture], base.shapes[found.picture], found.maps
    count = len(maps)
    here, there = np.arange(count), np.arange(count, 2 * count)
    for step in range(ROUNDS + 1):
        laid, inside = details_in_frames(
            pictures, found.image, maps, shapes, grid=FINE_GRID, share=FINE_SHARE, workers=workers
        )
        laid = low_details(laid)
        correlation = masked_correlation(template, laid, inside)
        if step == ROUNDS:
            break
        scale = laid.std(axis=(1, 2), keepdims=True) * np.sign(correlation)[:, None, None]
        laid = np.where(inside > 0, laid, template * scale)
        start = np.tile(np.eye(2, 3), (count, 1, 1))
        change, _ = rough_alignment(np.concatenate([template, laid]), here, there, start, workers=workers)
        maps = composed(maps, change)
    correlation = np.where(inside.mean(axis=(1, 2)) >= LEAST_OVERLAP, np.abs(correlation), 0)
    return Found(found.image, found.picture, maps, correlation)


def _table(found: Found, rows: pd.DataFrame, shapes: np.ndarray, base_shapes: np.ndarray) -> pd.DataFrame:
    """What is said of the images that were found, in the order of `found`."""
    known = rows.iloc[found.picture].reset_index(drop=True)
    joint = np.concatenate([shapes, base_shapes])
    maps = in_pixels(found.maps, joint, found.picture + len(shapes), found.image)
    boxes = []
    for text, matrix in zip(known["lesion_box"], found.maps):
        box = None if not text else carried_box(parse_box(text), matrix)
        boxes.append("" if box is None else format_box(box))
    return known.assign(
        pose=pose_facts(maps, joint[found.image])["pose"],
        origin_label=known["label"],
        lesion_box=boxes,
        correlation=found.correlation,
    )
