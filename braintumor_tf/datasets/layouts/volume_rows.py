"""Rows of volumes become rows of their slices."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from braintumor_tf.datasets.formats.medical.chosen_slices import MIDDLE, choose_slices
from braintumor_tf.datasets.formats.medical.table import is_volume_name
from braintumor_tf.datasets.layouts.layout import Layout, Named, Rows
from braintumor_tf.errors import ImageReadError
from braintumor_tf.progress import progress_bar


def expand_volumes(rows: Rows, root: Path, layout: Layout) -> tuple[Rows, Named, list[str]]:
    """Replaces each row of a volume by rows of the slices that the layout chooses.

    Where a volume gives several slices and its patient is not known, its path below `root` takes the patient's place,
    so that no split divides one head.

    Args:
        rows: with ``path`` and ``patient``; those of pictures stay as they are.
        root: the data set's folder.
        layout: its `slices` and `plane` are read.

    Returns:
        The rows, the volumes that cannot be read, and notes on which slices are read and how many are left out.
    """
    volumes = list(dict.fromkeys(row["path"] for row in rows if is_volume_name(row["path"])))
    if not volumes:
        return rows, [], []
    chosen: dict[str, list[str]] = {}
    unreadable, empty = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda path: _choose(path, layout), volumes)
        for path, (slices, hidden, reason) in zip(volumes, progress_bar(answers, "Volumes", total=len(volumes))):
            chosen[path] = slices
            unreadable += [(path, reason)] if reason else []
            empty += hidden
    parts = (_slices(row, chosen[row["path"]], root) if row["path"] in chosen else [row] for row in rows)
    read = [slices for path, slices in chosen.items() if slices not in ([], [path])]
    return list(chain.from_iterable(parts)), unreadable, [_note(layout, read, empty)] if read else []


def _choose(path: str, layout: Layout) -> tuple[list[str], int, str]:
    try:
        return *choose_slices(path, layout.slices, layout.plane), ""
    except ImageReadError as error:
        return [], 0, error.reason


def _slices(row: dict[str, str], paths: list[str], root: Path) -> Rows:
    patient = row["patient"] or (os.path.relpath(row["path"], root) if len(paths) > 1 else "")
    return [{**row, "path": path, "patient": patient} for path in paths]


def _note(layout: Layout, chosen: list[list[str]], empty: int) -> str:
    volumes = f"{len(chosen):,} volume{'' if len(chosen) == 1 else 's'}"
    if layout.slices == MIDDLE:
        return f"of {volumes} the middle {layout.plane} slice is read; --slices all, or a number, reads more"
    total = sum(map(len, chosen))
    return f"of {volumes} {total:,} {layout.plane} slices are read; {empty:,} show no head and are left out"
