"""A CSV of images as rows: what it says of each image, and the reason for each row that is not used."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.formats.medical.table import file_of
from braintumor_tf.datasets.labels import CLASSES, NO_TUMOR, TUMOR, canonical_split, nearest_spelling, plain_label
from braintumor_tf.datasets.layouts.dicom_patients import name_patients
from braintumor_tf.datasets.layouts.layout import (
    BOX,
    IDENTITY,
    Layout,
    Listing,
    Named,
    Rows,
    class_notes,
    images,
    listed,
    patient_of_group,
    unused_patterns,
)
from braintumor_tf.datasets.layouts.tables import table_with_lines
from braintumor_tf.datasets.layouts.volume_rows import expand_volumes
from braintumor_tf.errors import DatasetError
from braintumor_tf.files import restored

_READ = ("path", "label", "split", "source", "group", *IDENTITY, *BOX)
_DESCRIBED = ("width", "height", "md5", "pixel_hash", "phash")
"""Columns of a manifest that every scan fills anew."""

_MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "#n/a", "null", "nat"})
_NOBODY = _MISSING | {"unknown", "none", "?", "-"}
_MEANINGS = {
    "patient": ("patient_id", "patientid", "subject", "subject_id", "pid"),
    "label": ("class", "category", "diagnosis", "target", "tumor_type"),
    "path": ("file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    "split": ("set", "fold", "subset"),
}
"""Usual names of columns that are called otherwise here."""

_MEANT = {name: wanted for wanted, names in _MEANINGS.items() for name in names}


def read_listing(path: Path, layout: Layout) -> Listing:
    """Returns what `read_folder` does for a CSV of ``path`` and ``label``; `scan` says which columns it may have.

    Raises:
        DatasetError: the file is missing, no table, lacks a column, gives a box that is none, says two things of one
            image, or none of its images exists.
    """
    table = table_with_lines(path)
    _check_columns(path, table, layout)
    for name in [name for name in _READ if name in table]:
        absent = _MISSING if name in ("path", "label") else _NOBODY
        bare = table[name].str.strip()
        table[name] = table[name].where(~bare.str.lower().isin(absent), "")
    rows, passed_over, used = _rows(path, table, layout)
    rows, again = _once(path, rows)
    if not rows:
        raise DatasetError(f"{path}: {_nothing(table, passed_over)}")
    _check_files(path, rows)
    for row in rows:
        del row["line"]
    told = name_patients(rows, layout)
    rows, broken, said = expand_volumes(rows, path.parent, layout)
    depth = f"--label-from {layout.label_from} says nothing of a CSV, which names its labels itself"
    notes = [] if layout.label_from is None else [depth]
    notes += unused_patterns(layout, used) + _column_notes(table) + _label_notes(rows) + told + said + class_notes(rows)
    return Listing(rows=rows, unreadable=broken, passed_over=[*passed_over, *again], notes=notes)


def _check_columns(path: Path, table: pd.DataFrame, layout: Layout) -> None:
    missing = [name for name in ("path", "label") if name not in table and not (name == "label" and layout.unlabelled)]
    if not missing:
        return
    meant = {wanted: name for name in table if (wanted := _meant(name)) in missing}
    advice = " and ".join(f"rename {name} to {wanted}" for wanted, name in meant.items())
    raise DatasetError(
        f"{path}: lacks the column {' and '.join(missing)}; a data set's CSV has path and label, this one "
        f"{listed(table)}{f'; {advice}' if advice else ''}"
    )


def _meant(name: str) -> str | None:
    """Returns the column that one of another name seems to be."""
    plain = re.sub(r"[\s\-]+", "_", name.strip()).lower()
    near = difflib.get_close_matches(plain, _READ, n=1, cutoff=0.85)
    return _MEANT.get(plain) or (near[0] if near else None)


def _rows(path: Path, table: pd.DataFrame, layout: Layout) -> tuple[list[dict[str, Any]], Named, set[str]]:
    """The rows that say which image they are of and which label it has; the others; the patterns that met a row."""
    rows, passed_over, used = [], [], set()
    for record, line in zip(table.to_dict("records"), table.index):
        name = record["path"].strip()
        if not name:
            passed_over.append((f"{path}, line {line}", "names no path"))
            continue
        pattern = _ignored(layout, name.replace("\\", "/"))
        if pattern is not None:
            used.add(pattern)
            passed_over.append((name, f"left out by {pattern!r}"))
        elif not record.get("label", "").strip() and not layout.unlabelled:
            passed_over.append((name, f"has no label (line {line})"))
        else:
            rows.append({**_row(path, record, line), "line": line})
    return rows, passed_over, used


def _ignored(layout: Layout, name: str) -> str | None:
    """Returns the pattern that leaves out a file or one of the folders above it."""
    parts = name.split("/")
    found = (layout.ignored_by("/".join(parts[:end])) for end in range(1, len(parts) + 1) if parts[end - 1])
    return next((pattern for pattern in found if pattern is not None), None)


def _row(path: Path, record: Mapping[str, str], line: Hashable) -> dict[str, str]:
    split, group, label = record.get("split", ""), record.get("group", ""), record.get("label", "")
    row = {
        "path": _located(path.parent, record["path"]),
        "label": plain_label(label) if label else "",
        "split": canonical_split(split) or split,
        "source": record.get("source", ""),
        "group": group,
        **{name: record.get(name, "") for name in IDENTITY},
    }
    row["patient"] = row["patient"] or patient_of_group(group)
    row["lesion_box"] = row["lesion_box"] or _box(path, record, line)
    return row


def _located(folder: Path, name: str) -> str:
    """The absolute path of a file: as it is written or, where no such file exists, without blanks and backslashes."""
    first = os.path.abspath(folder / name)
    for other in (restored(name), name.strip(), name.strip().replace("\\", "/")):
        if os.path.lexists(file_of(first)):
            break
        if os.path.lexists(file_of(found := os.path.abspath(folder / other))):
            return found
    return first


def _box(path: Path, record: Mapping[str, str], line: Hashable) -> str:
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
            f"{path}: line {line}: {record['path']} has the box {', '.join(numbers)}; {', '.join(BOX)} are centre and "
            "size as shares of the picture, 0 to 1, or all empty"
        )
    return " ".join(numbers)


def _once(path: Path, rows: list[dict[str, Any]]) -> tuple[Rows, Named]:
    """Leaves out rows that repeat one before them; rows of one file that differ are refused."""
    first: dict[str, dict[str, Any]] = {}
    again = []
    for row in rows:
        known = first.setdefault(row["path"], row)
        if known is row:
            continue
        name = next((name for name in row if name != "line" and row[name] != known[name]), None)
        if name is not None:
            raise DatasetError(
                f"{path}: {row['path']} stands on line {known['line']} with the {name} {known[name]!r} and on line "
                f"{row['line']} with {row[name]!r}; an image has one, remove a row"
            )
        again.append((row["path"], f"is listed before (line {row['line']} repeats line {known['line']})"))
    return list(first.values()), again


def _nothing(table: pd.DataFrame, passed_over: Named) -> str:
    if table.empty:
        return "has a line of column names and no row below it"
    place, reason = passed_over[0]
    return f"none of its {len(table):,} rows can be used, the first {place}: {reason}"


def _check_files(path: Path, rows: Rows) -> None:
    """Refuses a CSV none of whose files exists: then it is the paths that are wrong, not the files."""
    if any(os.path.lexists(file_of(row["path"])) for row in rows):
        return
    first = rows[0]["path"]
    where = f"{path}: none of its {images(len(rows))} exists; the first is looked for at {first}"
    if re.match(r"[A-Za-z]:[\\/]|\\\\", os.path.relpath(first, path.parent)):
        raise DatasetError(f"{where}; these are paths of Windows, write them relative to the CSV")
    here = os.path.relpath(first, path.parent)
    if os.path.lexists(file_of(here)):
        raise DatasetError(
            f"{where}; paths are relative to the CSV, not to the current folder, where {here} does exist: "
            "move the CSV there, or write whole paths"
        )
    raise DatasetError(f"{where}; write paths relative to the CSV, or whole ones")


def _column_notes(table: pd.DataFrame) -> list[str]:
    """Says which columns are not read, and where the patient is not known for each row."""
    notes = []
    others = [name for name in table if name not in (*_READ, *_DESCRIBED)]
    if others:
        meant = {name: wanted for name in others if (wanted := _meant(name)) is not None and wanted not in table}
        advice = "".join(f"; rename {name} to {wanted} if it is that" for name, wanted in meant.items())
        notes.append(f"column{'' if len(others) == 1 else 's'} {listed(others)} not read{advice}")
    empty = int((table["patient"] == "").sum()) if "patient" in table else 0
    if 0 < empty < len(table):
        notes.append(f"no patient is named for {empty:,} of {len(table):,} rows; theirs count as unknown")
    return notes


def _label_notes(rows: Rows) -> list[str]:
    """Says which labels may be slips of the pen, and where tumours have a type and have none."""
    labels = {row["label"] for row in rows} - {""}
    near = {label: nearest for label in sorted(labels) if (nearest := nearest_spelling(label))}
    notes = [f"the class {label} is not known; {nearest} perhaps?" for label, nearest in near.items()]
    types = labels & (set(CLASSES) - {NO_TUMOR})
    if TUMOR in labels and types:
        notes.append(
            f"the class tumor names no type, beside {listed(sorted(types))}, which do; --binary makes one of all"
        )
    return notes
