"""What a user says of a data set's layout, and what was found in it."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from braintumor_tf.datasets.formats.medical.chosen_slices import MIDDLE, check_slices
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.errors import DatasetError

PATIENT = "patient:"
"""A group that starts with this holds a known patient; other groups are clusters of near-duplicates."""

IDENTITY = ("patient", "origin", "origin_id", "pose", "origin_label", "lesion_box", "origin_patient")
"""The columns of a manifest that say who is in a picture; a CSV may have them too."""

BOX = ("box_x", "box_y", "box_width", "box_height")
"""The columns of a CSV that give the box of a lesion: centre and size, as shares of the picture."""

Rows = list[dict[str, str]]
Named = list[tuple[str, str]]
"""Paths, each with the reason why it is not used."""

MAX_NAMES = 6
"""How many names a sentence lists."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data set is to be read, where its names alone do not tell.

    Attributes:
        ignore: patterns (as in a shell) of folders and files to leave out; see `ignored_by`.
        label_from: which folder names the class: 1 is the first below the data set's folder, -1 the one that holds
            the image; None to tell it by the names.
        labels: the label of a class folder whose name alone does not tell it.
        patients: whether the folder above the class folder is a patient.
        unlabelled: whether images without a label are taken too.
        slices: which slices of a volume become rows, as for `choose_slices`.
        plane: that they lie in.
        keep_patient_ids: whether patients of DICOM files keep the ids that stand in them; else they get pseudonyms.

    Raises:
        DatasetError: `label_from` is 0, `ignore` is a text and not a list of texts, or `slices` or `plane` is unknown.
    """

    ignore: Collection[str] = ()
    label_from: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    patients: bool = False
    unlabelled: bool = False
    slices: str | int = MIDDLE
    plane: str = PLANES[0]
    keep_patient_ids: bool = False

    def __post_init__(self):
        if self.label_from == 0:
            raise DatasetError("label_from is 0; 1 is the first folder below the data set's, -1 the one with the image")
        check_slices(self.slices, self.plane)
        if isinstance(self.ignore, str):
            raise DatasetError(f"ignore is {self.ignore!r}; give a list of patterns, such as [{self.ignore!r}]")

    def ignored_by(self, path: str) -> str | None:
        """Returns the pattern that leaves a file or a folder out, or None.

        Args:
            path: relative to the data set's folder, with ``/``. A pattern with ``/`` is compared with all of it, any
                other one with its last name.

        Example:
            >>> Layout(ignore=["*_mask.*"]).ignored_by("glioma/1_mask.png")
            '*_mask.*'
        """
        name = PurePosixPath(path).name
        for pattern in self.ignore:
            bare = pattern.removesuffix("/")
            if fnmatch.fnmatchcase(path if "/" in bare else name, bare.removeprefix("./")):
                return pattern
        return None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a folder or a CSV lists, before any image is read.

    Attributes:
        rows: of ``path``, ``label``, ``split``, ``patient`` and, in a CSV, what else it says.
        unreadable: image files and folders that cannot be read.
        passed_over: all else that was seen and is not used.
        notes: sentences on what a user should know of the layout.
    """

    rows: Rows
    unreadable: Named
    passed_over: Named
    notes: list[str]


def patient_of_group(group: str) -> str:
    """Returns the patient that a group of the form ``patient:7`` names, as earlier versions wrote it; else "".

    Example:
        >>> patient_of_group("patient:7"), patient_of_group("g0123456789")
        ('7', '')
    """
    return group.removeprefix(PATIENT) if group.startswith(PATIENT) else ""


def listed(names: Iterable[str]) -> str:
    """Returns names with commas between, the first `MAX_NAMES` of them and the number of the others."""
    names = list(names)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def amounts(counts: Counter[str]) -> str:
    """Returns names with their counts, as `listed` does.

    Example:
        >>> amounts(Counter({"glioma": 10, "no_tumor": 2}))
        'glioma 10, no_tumor 2'
    """
    return listed(f"{name} {count:,}" for name, count in sorted(counts.items()))


def images(count: int) -> str:
    """Returns a number of images in words."""
    return f"{count:,} image{'' if count == 1 else 's'}"


def unused_patterns(layout: Layout, used: Collection[str], patterns: Iterable[str] | None = None) -> list[str]:
    """Says which patterns leave nothing out."""
    unused = [pattern for pattern in (layout.ignore if patterns is None else patterns) if pattern not in used]
    return [f"nothing is called {listed(map(repr, unused))}, which was to be ignored"] if unused else []


def class_notes(rows: Rows) -> list[str]:
    """Says what is odd about the classes of a data set: a single one, one with one image, one that training lacks."""
    labelled = [row for row in rows if row["label"]]
    counts = Counter(row["label"] for row in labelled)
    notes = []
    if len(counts) == 1:
        notes.append(f"all images are of one class, {min(counts)}: a training needs two at least")
    single = sorted(label for label, count in counts.items() if count == 1)
    if single and len(counts) > 1:
        notes.append(f"one image alone of the class {listed(single)}: it cannot be both learned from and tested")
    by_split = {row["split"]: set() for row in labelled}
    for row in labelled:
        by_split[row["split"]].add(row["label"])
    for split in ("test", "validation"):
        strange = sorted(by_split.get(split, set()) - by_split.get("train", set())) if "train" in by_split else []
        if strange:
            notes.append(f"the {split} images have the class {listed(strange)}, which the training images lack")
    if "" in by_split and len(by_split) > 1:
        outside = sum(row["split"] == "" for row in labelled)
        named = listed(sorted(set(by_split) - {""}))
        notes.append(f"{images(outside)} of {len(labelled):,} {'is' if outside == 1 else 'are'} of no split ({named})")
    return notes
