"""Groups: images that a split must not divide, because they are near-duplicates or show one patient."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.datasets.layouts import PATIENT
from braintumor_tf.identity.people import persons, text_column
from braintumor_tf.matching.components import least_names, number_components
from braintumor_tf.matching.fingerprints import CORRELATION, DISTANCE, near_pairs


def group(
    manifest: pd.DataFrame,
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    poses: bool = True,
    patients: bool = True,
    pairs: pd.DataFrame | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Fills a manifest's groups: the connected components of its near-duplicate pairs and its patients.

    Two images are near-duplicates if their perceptual hashes differ in at most `distance` bits and their thumbnails
    correlate at `correlation` or more, or if one shows the other in another pose (`matching.near_pairs`). Images of one
    patient (`identity.persons`) always stay together. A group without a known patient is not a patient: two slices of
    one head may look different and stay apart.

    Args:
        manifest: one row an image.
        distance: bits, 0 to 32.
        correlation: -1 to 1.
        poses: also look for copies that are mirrored, turned, cropped, shifted or otherwise altered.
        patients: keep the images of one person together; False for groups of near-duplicates alone.
        pairs: the result of `matching.near_pairs` with the same settings, where it is known already.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        A copy with the column `group`: ``patient:`` and the person where one is known, else ``g`` and ten hex digits
        that depend on the pictures alone, not on paths or order.

    Example:
        >>> manifest = pd.DataFrame({"pixel_hash": ["aa", "bb", "cc", "dd"], "patient": ["", "7", "", "7"]})
        >>> pairs = pd.DataFrame({"first": [0], "second": [2]})  # as matching.near_pairs finds them
        >>> group(manifest.assign(source="mine"), pairs=pairs)["group"].tolist()
        ['gaa', 'patient:mine:7', 'gaa', 'patient:mine:7']
    """
    if pairs is None:
        pairs = near_pairs(
            manifest, distance=distance, correlation=correlation, poses=poses, show_progress=show_progress
        )
    people = persons(manifest) if patients else pd.Series("", index=manifest.index)
    component = number_components(len(manifest), pairs["first"], pairs["second"], keys=[people])
    return manifest.assign(group=_names(component, "g" + manifest["pixel_hash"].str[:10], people))


def join_patients(manifest: pd.DataFrame) -> pd.DataFrame:
    """Joins groups, whoever made them, that hold images of one patient; a split then divides no patient.

    Args:
        manifest: with its groups.

    Returns:
        A copy in which groups that share a person (`identity.persons`) are one; all others keep their names.

    Example:
        >>> manifest = pd.DataFrame({"group": ["a", "b", "c"], "patient": ["7", "7", ""], "source": "mine"})
        >>> join_patients(manifest)["group"].tolist()
        ['patient:mine:7', 'patient:mine:7', 'c']
    """
    people = persons(manifest)
    component = number_components(len(manifest), keys=[people, manifest["group"]])
    divided = manifest["group"].groupby(component).transform("nunique") > 1
    return manifest.assign(group=manifest["group"].mask(divided, _names(component, manifest["group"], people)))


def fill_groups(manifest: pd.DataFrame, *, show_progress: bool = True) -> pd.DataFrame:
    """Fills the groups that a data set's own table leaves open; what it says itself is kept.

    Args:
        manifest: one row an image; ``group`` is empty where the data set names none.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        A copy in which every image has a group. Where all have one, they stay, but for those of one patient, which
        become one (`join_patients`). Where some have one, two images of these are not joined for looking alike, and
        the others are grouped as `group` does. Where none has one, this is `group`.

    Example:
        >>> manifest = pd.DataFrame({"group": ["a", "a", "b"], "patient": "", "source": "mine"})
        >>> fill_groups(manifest)["group"].tolist()
        ['a', 'a', 'b']
    """
    known = (manifest["group"] != "").to_numpy()
    if known.all():
        return join_patients(manifest)
    pairs = near_pairs(manifest, show_progress=show_progress)
    settled = known[pairs["first"]] & known[pairs["second"]]
    rows = manifest.reset_index(drop=True)
    found = group(rows, pairs=with_own_groups(rows, pairs[~settled]))
    return manifest.assign(group=found["group"].to_numpy())


def with_own_groups(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Adds the pairs of images that a data set's own list puts in one group; `manifest` is numbered from 0."""
    rows = pd.Series(manifest.index, manifest.index)
    known = manifest["group"] != ""
    before = rows[known].groupby([manifest["source"], manifest["group"]]).shift()
    own = pd.DataFrame({"first": before, "second": rows[known]}).dropna().astype(int)
    return pd.concat([pairs[["first", "second"]], own], ignore_index=True)


def join_data_sets(manifest: pd.DataFrame, external: pd.DataFrame, *, mark: str = "external") -> pd.DataFrame:
    """Puts another data set below one, so that equal patients of the two are one person only where that is known.

    Two lists of images in different folders may have one name (``a/list.csv`` and ``b/list.csv``). They are two data
    sets, so such a `source` of the other one gets `mark` behind it. To say that two lists are of one data set, give
    both a column ``source``, and keep their images in one folder.

    Args:
        manifest: one row an image.
        external: that of the other data set.
        mark: a word for the other data set.

    Example:
        >>> rows = pd.DataFrame({"path": ["/a/1.png", "/a/2.png"], "source": "list"})
        >>> join_data_sets(rows, rows.assign(path=["/b/1.png", "/b/2.png"]))["source"].tolist()
        ['list', 'list', 'list (external)', 'list (external)']
    """
    for name in sorted(set(text_column(manifest, "source")) & set(text_column(external, "source"))):
        here, there = (_folder(rows.loc[text_column(rows, "source") == name, "path"]) for rows in (manifest, external))
        if not (here.is_relative_to(there) or there.is_relative_to(here)):
            external = external.assign(source=external["source"].replace(name, f"{name} ({mark})"))
    return pd.concat([manifest, external], ignore_index=True)


def _folder(paths: pd.Series) -> Path:
    """The folder that holds all of the files."""
    return Path(os.path.commonpath({os.path.dirname(os.path.abspath(path)) for path in paths}))


def _names(component: np.ndarray, pictures: pd.Series, people: pd.Series) -> pd.Series:
    """Names each component by the least of its people, or of its pictures where nobody is known."""
    known = least_names(people, component)
    return (PATIENT + known).where(known != "", least_names(pictures, component))


def near_duplicate_in_training(rows: pd.DataFrame, manifest: pd.DataFrame, *, column: str = "group") -> pd.Series:
    """Tells which images have a near-duplicate in training: an image of the split ``train`` with the same group.

    An image without a group has no known near-duplicate, and a training image is not its own.

    Args:
        rows: the images asked about, with `column` and, where training images may be among them, ``split``: rows of a
            manifest or of a predictions table.
        manifest: all images, with `column` and ``split``.
        column: ``"group"`` (near-duplicates and patients), ``"picture"`` (same picture), ``"pixel_hash"`` (same grey
            pixels), ``"md5"`` (same file), or any other that both tables have.

    Returns:
        Booleans with the index of `rows`.

    Example:
        >>> manifest = pd.DataFrame({"split": ["train", "train", "test", "test"], "group": ["a", "", "a", ""]})
        >>> near_duplicate_in_training(manifest, manifest).tolist()
        [False, False, True, False]
    """
    known = set(as_text(manifest.loc[manifest["split"] == "train", column])) - {""}
    found = as_text(rows[column]).isin(known)
    return found & (rows["split"] != "train") if "split" in rows else found


def as_text(values: pd.Series) -> pd.Series:
    """Returns values as text, empty where they are missing: a CSV may give numbers on one side, text on the other."""
    return values.astype(object).where(values.notna(), "").astype(str)
