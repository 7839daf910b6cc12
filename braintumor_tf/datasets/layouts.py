"""How labelled data sets are laid out: folders by class and split, and CSV files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pandas as pd

from braintumor_tf.datasets.labels import canonical_label, canonical_split, plain_label
from braintumor_tf.datasets.reading import IMAGE_SUFFIXES
from braintumor_tf.errors import DatasetError

PATIENT = "patient:"
"""A group that starts with this holds a known patient; other groups are clusters of near-duplicates."""

IDENTITY = ("patient", "origin", "origin_id", "pose", "origin_label", "lesion_box", "origin_patient")
"""The columns of a manifest that say who is in a picture; a CSV may have them too."""

BOX = ("box_x", "box_y", "box_width", "box_height")
"""The columns of a CSV that give the box of a lesion: centre and size, as shares of the picture."""

Rows = list[dict[str, str]]
Unusable = list[tuple[str, str]]


def folder_rows(
    root: Path, ignore: Collection[str], labels: Mapping[str, str], patients: bool, unlabelled: bool = False
) -> tuple[Rows, Unusable]:
    """Returns a row for each labelled file of a folder, and the image files that have no label; `scan` says the rest.

    Returns:
        Rows of ``path``, ``label``, ``split`` and ``patient``, and pairs of a path and a reason.

    Raises:
        DatasetError: there is no such folder.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give a labelled image folder, a CSV, or the name of a source")
    root = _unwrap(root, labels)
    rows, bad = [], []
    for path in _walk(root, ignore):
        parts = path.relative_to(root).parts[:-1]
        splits = [split for split in map(canonical_split, parts) if split]
        names = [part for part in parts if part in labels or not canonical_split(part)]
        if names:
            known = [place for place, name in enumerate(names) if name in labels or canonical_label(name)]
            place = known[-1] if known else 0
            label = labels.get(names[place]) or plain_label(names[place])
            patient = names[place - 1] if patients and place else ""
            rows.append({"path": str(path), "label": label, "split": splits[0] if splits else "", "patient": patient})
        elif path.suffix.lower() in IMAGE_SUFFIXES and unlabelled:
            rows.append({"path": str(path), "label": "", "split": splits[0] if splits else ""})
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            bad.append((str(path), "not in a class folder, so it has no label"))
    return rows, bad


def _unwrap(root: Path, labels: Mapping[str, str]) -> Path:
    """Goes down while a folder holds one folder and nothing else, as unpacked archives do."""
    while True:
        entries = [entry for entry in root.iterdir() if not _hidden(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir():
            return root
        name = entries[0].name
        if name in labels or canonical_split(name) or canonical_label(name):
            return root
        root = entries[0]


def _walk(root: Path, ignore: Collection[str]) -> Iterator[Path]:
    """All files below a folder, sorted; links to folders are followed, each real folder once."""
    seen = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _hidden(name) and name not in ignore)
        yield from (Path(folder, name) for name in sorted(files) if not _hidden(name))


def _hidden(name: str) -> bool:
    return name.startswith((".", "_")) or name.lower() in ("thumbs.db", "desktop.ini")


def csv_rows(path: Path, unlabelled: bool = False) -> tuple[Rows, Unusable]:
    """Returns what `folder_rows` does for a CSV of ``path`` and ``label``; `scan` says which columns it may have.

    Raises:
        DatasetError: the file is missing, is no CSV, lacks a column, or gives a box that is none.
    """
    table = read_table(path)
    needed = ("path",) if unlabelled else ("path", "label")
    missing = [column for column in needed if column not in table]
    if missing:
        raise DatasetError(f"{path}: lacks the column {' and '.join(missing)}; a data set's CSV has path and label")
    rows = []
    for record in table.to_dict("records"):
        split, group = record.get("split", ""), record.get("group", "")
        row = {
            "path": os.path.abspath(path.parent / record["path"]),
            "label": plain_label(record.get("label", "")),
            "split": canonical_split(split) or split,
            "source": record.get("source", ""),
            "group": group,
            **{name: record.get(name, "") for name in IDENTITY},
        }
        row["patient"] = row["patient"] or patient_of_group(group)
        row["lesion_box"] = row["lesion_box"] or _box(path, record)
        rows.append(row)
    return rows, []


def patient_of_group(group: str) -> str:
    """Returns the patient that a group of the form ``patient:7`` names, as earlier versions wrote it; else "".

    Example:
        >>> patient_of_group("patient:7"), patient_of_group("g0123456789")
        ('7', '')
    """
    return group.removeprefix(PATIENT) if group.startswith(PATIENT) else ""


def _box(path: Path, record: Mapping[str, str]) -> str:
    """The box of a lesion as a manifest has it: centre and size in one text, "" where the CSV gives none."""
    numbers = [record.get(name, "") for name in BOX]
    if not any(numbers):
        return ""
    try:
        inside = all(0 <= float(number) <= 1 for number in numbers)
    except ValueError:
        inside = False
    if not inside:
        raise DatasetError(
            f"{path}: {record['path']} has the box {', '.join(numbers)}; {', '.join(BOX)} are centre and size as "
            "shares of the picture, 0 to 1, or all empty"
        )
    return " ".join(numbers)


def read_table(path: Path) -> pd.DataFrame:
    """Reads a CSV as text, empty where nothing stands.

    Raises:
        DatasetError: the file is missing or no CSV.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except (ValueError, OSError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error})") from error
