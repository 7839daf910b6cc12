"""Which published picture an image is, in any pose: candidates by fingerprint, aligned with the stored details."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails_and_pictures
from braintumor_tf.identity.decisions import decide
from braintumor_tf.identity.lesion_boxes import carried_box, format_box, parse_box
from braintumor_tf.identity.origin_index import OriginIndex
from braintumor_tf.identity.placement import Found, Published, published, search
from braintumor_tf.matching.frame_alignment import in_pixels
from braintumor_tf.matching.other_poses import pose_facts
from braintumor_tf.matching.polar_maps import measure
from braintumor_tf.progress import progress_bar

COLUMNS = ("origin", "origin_id", "patient", "pose", "origin_label", "lesion_box", "correlation")
"""The columns that `find_origins` returns."""

_IMAGES_AT_ONCE = 4096


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
    if not len(manifest) or not sum(map(len, indexes)):
        return _nothing(manifest.index)
    hashes, first, code = np.unique(manifest["pixel_hash"].to_numpy(str), return_index=True, return_inverse=True)
    base = published([index.descriptors for index in indexes])
    rows = pd.concat([index.rows.assign(origin=index.origin) for index in indexes], ignore_index=True)
    chunks = [slice(start, start + _IMAGES_AT_ONCE) for start in range(0, len(hashes), _IMAGES_AT_ONCE)]
    parts = []
    for chunk in progress_bar(chunks, "Finding published pictures", show=show_progress):
        parts.append(_found_in(manifest.iloc[first[chunk]], base, rows))
    table = pd.concat(parts, ignore_index=True).iloc[code.ravel()]
    return table.set_index(manifest.index)


def _found_in(images: pd.DataFrame, base: Published, rows: pd.DataFrame) -> pd.DataFrame:
    """What `find_origins` returns for images that all differ."""
    workers = os.cpu_count() or 1
    _, pictures = thumbnails_and_pictures(images, show_progress=False)
    measured = measure(pictures, images[["height", "width"]].to_numpy(), workers=workers)
    found = decide(search(measured, pictures, base, workers=workers), rows)
    result = _nothing(range(len(images)))
    result.loc[found.image] = _table(found, rows, measured.shapes, base.shapes)[list(COLUMNS)].to_numpy(dtype=object)
    return result.astype({"correlation": float})


def _nothing(index: Sequence) -> pd.DataFrame:
    """The answer for images that are none of the published pictures."""
    return pd.DataFrame("", index=index, columns=list(COLUMNS), dtype=object).assign(correlation=np.nan)


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
