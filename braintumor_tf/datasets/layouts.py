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
"""A group that starts with this is a patient known from the source; other groups are clusters of look-alikes."""

Rows = list[dict[str, str]]
Unusable = list[tuple[str, str]]


def folder_rows(
    root: Path, ignore: Collection[str], labels: Mapping[str, str], patients: bool
) -> tuple[Rows, Unusable]:
    """Returns a row for each labelled file of a folder, and the image files that have no label; `scan` says the rest.

    Returns:
        Rows of ``path``, ``label``, ``split`` and ``group``, and pairs of a path and a reason.

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
            group = f"{PATIENT}{names[place - 1]}" if patients and place else ""
            rows.append({"path": str(path), "label": label, "split": splits[0] if splits else "", "group": group})
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


def csv_rows(path: Path) -> tuple[Rows, Unusable]:
    """Returns what `folder_rows` does for a CSV of ``path`` and ``label``, and ``split``, ``patient`` or ``group``.

    Raises:
        DatasetError: the file is missing, is no CSV, or lacks a column.
    """
    table = read_table(path)
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise DatasetError(f"{path}: lacks the column {' and '.join(missing)}; a data set's CSV has path and label")
    rows = []
    for record in table.to_dict("records"):
        group = f"{PATIENT}{record['patient']}" if record.get("patient") else record.get("group", "")
        split = record.get("split", "")
        rows.append(
            {
                "path": os.path.abspath(path.parent / record["path"]),
                "label": plain_label(record["label"]),
                "split": canonical_split(split) or split,
                "group": group,
            }
        )
    return rows, []


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
