"""Linking: each image that is a published picture gets its number, patient, label and lesion box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.identity.link_cache import LinkCache
from braintumor_tf.identity.origin_index import OriginIndex, read_index, shipped_indexes
from braintumor_tf.identity.origin_search import find_origins
from braintumor_tf.identity.people import origin_patients, patient_contradictions

FOUND = ("origin", "origin_id", "pose", "origin_label", "lesion_box", "origin_patient")
"""The columns that linking fills, besides a `patient` that nobody named before."""

SAMPLE = 24
"""Images that are looked at to tell whether all are in colour."""

COLOURED = 12.0
"""Mean distance of the largest and the smallest colour channel, 0 to 255, from which an image is in colour."""


@dataclass(frozen=True)
class Links:
    """What linking found in a data set.

    Attributes:
        images: how many images there are.
        tables: the indexes that were searched: name of the set and hash of its table.
        pictures: images that are a published picture, by origin.
        patients: patients of those pictures, by origin; 0 where the origin names none.
        contradictions: patients that are several, as `patient_contradictions` lists them.
    """

    images: int
    tables: dict[str, str]
    pictures: dict[str, int] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    contradictions: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: pd.DataFrame, tables: dict[str, str]) -> Links:
        """Counts what is linked in a manifest."""
        found = manifest[manifest["origin"] != ""]
        people = origin_patients(found)
        pictures = found["origin"].value_counts()
        pictures = pictures.sort_index().sort_values(ascending=False, kind="stable")
        known = people[people != ""].groupby(found["origin"]).nunique()
        return cls(
            images=len(manifest),
            tables=dict(tables),
            pictures={name: int(count) for name, count in pictures.items()},
            patients={name: int(known.get(name, 0)) for name in pictures.index},
            contradictions=patient_contradictions(manifest).to_dict("records"),
        )

    @property
    def sentence(self) -> str:
        """What was found in one sentence without a full stop; "" where nothing was.

        Example:
            >>> Links(3264, {}, {"figshare": 2345}, {"figshare": 202}).sentence
            '2,345 of 3,264 images are figshare pictures of 202 patients'
        """
        found = sum(self.pictures.values())
        if not found:
            return ""
        start = f"{found:,} of {_count(self.images, 'image')} {'is' if found == 1 else 'are'}"
        parts = [self._part(name) for name in self.pictures]
        if len(parts) == 1:
            return f"{start} {'a ' if found == 1 else ''}{parts[0]}"
        counted = [f"{count:,} {part}" for count, part in zip(self.pictures.values(), parts)]
        return f"{start} published pictures: {', '.join(counted[:-1])} and {counted[-1]}"

    @property
    def warning(self) -> str:
        """What contradicts the data set's own patients, in one line; "" where nothing does.

        Example:
            >>> wrong = [{"patient": "mine:7", "several": "figshare:A, figshare:B", "images": 2}]
            >>> Links(9, {}, contradictions=wrong).warning
            'mine:7 is figshare:A, figshare:B by its pictures; your own patients are kept'
        """
        if not self.contradictions:
            return ""
        first, more = self.contradictions[0], len(self.contradictions) - 1
        others = f" (and {_count(more, 'more contradiction')})" if more else ""
        return f"{first['patient']} is {first['several']} by its pictures{others}; your own patients are kept"

    def to_dict(self) -> dict[str, Any]:
        """Returns the tables and the counts, as ``config.json`` of a run holds them."""
        return {
            "tables": self.tables,
            "images": self.images,
            "pictures": self.pictures,
            "patients": self.patients,
            "contradictions": len(self.contradictions),
        }

    def _part(self, origin: str) -> str:
        pictures = f"{origin} picture" + ("" if self.pictures[origin] == 1 else "s")
        return f"{pictures} of {_count(self.patients[origin], 'patient')}" if self.patients[origin] else pictures


def link(
    manifest: pd.DataFrame,
    *,
    indexes: Sequence[str | Path | OriginIndex] | None = None,
    cache: bool = True,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Finds which images are published pictures, in any pose, and fills in what is known of them.

    Nothing is guessed: an image that is not found keeps empty columns. A patient or a lesion box that the data set
    names itself is kept; `patient_contradictions` lists where the patients contradict those of the pictures. Link
    before you group.

    Args:
        manifest: one row an image.
        indexes: the sets to search, as files or ready; those that come with the package by default.
        cache: keep what was found, by content and table, so that unchanged images are not searched again.
        show_progress: a progress bar where images must be read again.

    Returns:
        A copy with ``origin``, ``origin_id``, ``pose``, ``origin_label``, ``lesion_box``, ``origin_patient``, and with
        ``patient`` where it was empty.

    Raises:
        DatasetError: an index cannot be read.
        ImageReadError: an image can no longer be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> from braintumor_tf.identity import make_index
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=1, image_size=96, show_progress=False)
        ...     mine = scan(f"{folder}/set", cache=False).manifest.assign(patient="Ann")
        ...     index = make_index(mine, origin="mine", credit="me", licence="CC0")
        ...     linked = link(mine.assign(patient=""), indexes=[index], cache=False)
        >>> set(linked["origin"]), set(linked["patient"])
        ({'mine'}, {'Ann'})
    """
    return link_with(manifest, open_indexes(indexes), cache=cache, show_progress=show_progress)[0]


def open_indexes(indexes: Sequence[str | Path | OriginIndex] | None) -> tuple[OriginIndex, ...]:
    """Reads the indexes that are given as files; returns those that come with the package for None."""
    if indexes is None:
        return tuple(shipped_indexes())
    return tuple(index if isinstance(index, OriginIndex) else read_index(index) for index in indexes)


def link_with(
    manifest: pd.DataFrame, indexes: Sequence[OriginIndex], *, cache: bool = True, show_progress: bool = True
) -> tuple[pd.DataFrame, Links]:
    """Returns what `link` does, and what was found."""
    tables = {index.origin: index.hash for index in indexes}
    found = _found(manifest, indexes, tables, cache, show_progress)
    empty = pd.Series("", index=manifest.index)
    patient, box = (manifest.get(name, empty) for name in ("patient", "lesion_box"))
    own = {
        "patient": patient.where(patient != "", found["origin_patient"]),
        "lesion_box": box.where(box != "", found["lesion_box"]),
    }
    linked = manifest.assign(**{**{name: found[name] for name in FOUND}, **own})
    return linked, Links.of(linked, tables)


def in_colour(manifest: pd.DataFrame) -> bool:
    """Tells whether images are in colour throughout, as stained tissue is: published MRI is grey.

    A sample of them is looked at, spread over the manifest; a single grey one makes it False. No image is in colour.
    """
    places = np.unique(np.linspace(0, len(manifest) - 1, SAMPLE).astype(int)) if len(manifest) else []
    for path in manifest["path"].iloc[places]:
        try:
            image = read_image(path, grey=False)
        except ImageReadError:
            return False  # whoever needs its pixels will say so
        if np.ptp(image, axis=2).mean() < COLOURED:
            return False
    return True


def _found(
    manifest: pd.DataFrame, indexes: Sequence[OriginIndex], tables: dict[str, str], cache: bool, show_progress: bool
) -> pd.DataFrame:
    """What is known of each image, from the cache where it was searched before."""
    with LinkCache(tables if cache else None, FOUND) as store:
        known = store.read(manifest["pixel_hash"])
        new = manifest[~manifest["pixel_hash"].isin(known)].drop_duplicates("pixel_hash")
        if not indexes or in_colour(new):
            known |= dict.fromkeys(new["pixel_hash"], ("",) * len(FOUND))
        else:
            origins = find_origins(new, indexes, show_progress=show_progress)
            rows = origins.rename(columns={"patient": "origin_patient"})[list(FOUND)].itertuples(index=False, name=None)
            added = dict(zip(new["pixel_hash"], rows))
            store.add(added)
            known |= added
    rows = [known[pixels] for pixels in manifest["pixel_hash"]]
    return pd.DataFrame(rows, index=manifest.index, columns=list(FOUND), dtype=object)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
