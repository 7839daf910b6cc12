"""What a merge found, as one object: for JSON, for ``config.json`` of a run, and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from braintumor_tf.leakage.merging.overlaps import Shared

CopyRow = dict[str, str]
SHOWN_CONFLICTS = 2
"""How many pictures under several labels are named in a sentence; all of them are in `Merge.conflicts`."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One data set of a merged one.

    Attributes:
        dataset: the folder, the CSV or the name that it was called by.
        name: what it is called in sentences: its `source` in the manifest, or several.
        images: how many it brings.
        left_out: how many of these were left out as copies.
        unreadable: files that are no usable image.
        classes: its images of each class.
        spellings: for each class folder that is spelled otherwise the class, such as ``{"notumor": "no_tumor"}``.
        splits: its own splits, sorted; ``""`` stands for images without one.
        official: whether each image has one, and there are training and test images. Otherwise none has one here.
        patients: how many it has that are known.
    """

    dataset: str
    name: str
    images: int
    left_out: int
    unreadable: int
    classes: dict[str, int]
    spellings: dict[str, str]
    splits: list[str]
    official: bool
    patients: int


@dataclass(frozen=True, kw_only=True)
class Between:
    """What two data sets share.

    Attributes:
        first, second: names of the two.
        md5, pixels, picture, near: images of each that are in the other, by fingerprint.
        patients: images of each whose patient has an image in the other.
    """

    first: str
    second: str
    md5: Shared
    pixels: Shared
    picture: Shared
    near: Shared
    patients: Shared


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What went into a merged data set, and what was found between its parts.

    Attributes:
        parts: the data sets, in their order.
        images: how many images the merged set has.
        binary: whether the types of tumour were put together as ``tumor``.
        between: what each two of the parts share.
        patients: known patients who have images in several parts.
        patient_images: their images.
        copies: files that show a picture of another file under the same label.
        left_out: for each copy that was left out ``path``, ``source``, ``label``, and of the file that stays in its
            place ``kept`` and ``kept_source``; none where copies stay.
        conflicts: for each picture that is filed under several labels a row of ``path``, ``source`` and ``label`` of
            all its files. All of them stay, or where copies are left out one for each label.
        single: classes that a single part has, and the name of that part.
    """

    parts: tuple[Part, ...]
    images: int
    binary: bool
    between: tuple[Between, ...]
    patients: int
    patient_images: int
    copies: int
    left_out: list[CopyRow]
    conflicts: list[list[CopyRow]]
    single: dict[str, str]

    @property
    def sentences(self) -> list[str]:
        """What was found, for a reader."""
        return merge_sentences(self.to_config())

    def to_dict(self) -> dict[str, Any]:
        """Returns everything and the sentences, as the commands print it in JSON."""
        return {**asdict(self), "sentences": self.sentences}

    def to_config(self) -> dict[str, Any]:
        """Returns what ``config.json`` of a run holds: copies are counted, the contradicting labels are the first."""
        found = asdict(self)
        conflicts = found.pop("conflicts")
        return {
            **found,
            "left_out": len(self.left_out),
            "conflicts": len(conflicts),
            "shown_conflicts": conflicts[:SHOWN_CONFLICTS],
        }


def merge_sentences(found: Mapping[str, Any]) -> list[str]:
    """Returns what a merge found as sentences, from what ``config.json`` of a run holds of it.

    Args:
        found: what `Merge.to_config` gave.
    """
    parts = found["parts"]
    counts = [f"{part['images'] - part['left_out']:,} of {part['name']}" for part in parts]
    lines = [f"{found['images']:,} images of {len(parts)} data sets: {_listed(counts)}."]
    for part in parts:
        if part["spellings"]:
            spelled = [f"{name} is {label}" for name, label in part["spellings"].items()]
            lines.append(f"Labels of {part['name']} in one spelling: {', '.join(spelled)}.")
    if found["binary"]:
        lines.append("Types of tumour are put together: every image is tumor or no_tumor.")
    lines += [_between(row) for row in found["between"]]
    if found["patients"]:
        one = found["patients"] == 1
        people = "1 known patient has" if one else f"{found['patients']:,} known patients have"
        stay = "stays" if one else "stay"
        lines.append(f"{people} images in several data sets, {found['patient_images']:,} in all, and {stay} together.")
    lines += _copy_sentences(found)
    for label, name in found["single"].items():
        lines.append(
            f"{label} comes from {name} alone: a class that one data set alone has cannot be told from that data set."
        )
    for part in parts:
        if not part["official"] and any(part["splits"]):
            own = _listed([name or "none" for name in part["splits"]])
            lines.append(f"The official splits of {part['name']} ({own}) lack training or test: it has none here.")
    return lines


def _between(row: Mapping[str, Any]) -> str:
    first, second, near, same = row["first"], row["second"], row["near"], row["picture"]
    if not near["images"]:
        return f"No image of {second} has a near-duplicate in {first}."
    images = "1 image" if near["images"] == 1 else f"{near['images']:,} images"
    return (
        f"{images} of {second} {'has' if near['images'] == 1 else 'have'} a near-duplicate in {first} "
        f"({same['images']:,} the same picture); of {first} {near['ours']:,} in {second}."
    )


def _copy_sentences(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if found["left_out"]:
        dropped = [f"{part['left_out']:,} of {part['name']}" for part in found["parts"]]
        what = "1 copy is" if found["left_out"] == 1 else f"{found['left_out']:,} copies are"
        lines.append(f"{what} left out ({_listed(dropped)}); one file of each picture and label stays.")
    elif found["copies"]:
        what = "1 file is a copy" if found["copies"] == 1 else f"{found['copies']:,} files are copies"
        stay = "stays" if found["copies"] == 1 else "stay"
        lines.append(f"{what} of another one and {stay}; --drop-copies leaves out all but one file of a picture.")
    if count := found["conflicts"]:
        shown = "; ".join(map(_conflict, found["shown_conflicts"]))
        more = f"; and {count - SHOWN_CONFLICTS:,} more" if count > SHOWN_CONFLICTS else ""
        which = "1 picture is" if count == 1 else f"{count:,} pictures are"
        lines.append(f"{which} filed under several labels, and nothing tells which is right: {shown}{more}.")
    return lines


def _conflict(files: list[CopyRow]) -> str:
    """Names one file of a picture for each of its labels."""
    first = {row["label"]: row for row in reversed(files)}
    named = [f"{'/'.join(Path(row['path']).parts[-3:])} ({row['source']}: {label})" for label, row in first.items()]
    return _listed(sorted(named))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
