"""Files that say themselves which class and patient they show: the MATLAB files of figshare's set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from braintumor_tf.datasets.formats.file_bytes import open_regular
from braintumor_tf.datasets.formats.medical.matlab import NO_PICTURE, SUFFIXES, MatlabSlice, read_matlab
from braintumor_tf.datasets.layouts.layout import Named, Rows
from braintumor_tf.errors import ImageReadError


def told_by_files(images: Iterable[Path]) -> tuple[dict[Path, MatlabSlice], Named, Named]:
    """Reads what files say of themselves; most files say nothing.

    Args:
        images: all files that are taken for images.

    Returns:
        What each MATLAB file says, without its pixels; those that hold no picture; and those that cannot be read, each
        with the reason.
    """
    told, without, unreadable = {}, [], []
    for path in images:
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            with open_regular(path) as file:
                found = read_matlab(str(path), file, pixels=False)
        except ImageReadError as error:
            unreadable.append((str(path), error.reason))
            continue
        if found is None:
            without.append((str(path), NO_PICTURE))
        else:
            told[path] = found
    return told, without, unreadable


def fill_in(rows: Rows, told: Mapping[Path, MatlabSlice]) -> list[str]:
    """Fills the class, the patient and the tumour's box into rows that lack them, in place.

    Returns:
        Notes: where labels come from files, and how many files lie in the folder of another class than they name.
    """
    filled, others = 0, []
    for row in rows:
        found = told.get(Path(row["path"]))
        if found is None:
            continue
        filled += not row["label"]
        if row["label"] not in ("", found.label):
            others.append((row["path"], row["label"], found.label))
        row["label"] = row["label"] or found.label
        row["patient"] = row["patient"] or found.patient
        row["lesion_box"] = row.get("lesion_box") or found.lesion_box
    notes = [f"the labels of {filled:,} MATLAB files come from the files themselves (cjdata.label)"] if filled else []
    if others:
        path, folder, own = others[0]
        notes.append(
            f"{len(others):,} MATLAB file{'' if len(others) == 1 else 's'} in the folder of another class than the one "
            f"that the file names; the folder counts: {path} ({folder}, not {own})"
        )
    return notes
