"""A merged data set as a folder: the images, a manifest with relative paths, what was left out, and a README."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.formats.medical.content import read_content
from braintumor_tf.datasets.formats.medical.table import file_of, stem_of
from braintumor_tf.datasets.manifest import write_manifest
from braintumor_tf.datasets.resolve import LISTING
from braintumor_tf.datasets.synthetic.folders import complete_or_nothing, holds_anything
from braintumor_tf.errors import DatasetError
from braintumor_tf.files import write_csv, write_text
from braintumor_tf.leakage.merging.data_sets import MergedScan
from braintumor_tf.leakage.merging.merge_result import Merge
from braintumor_tf.progress import progress_bar

LEFT_OUT, CONFLICTS, README = "left_out.csv", "label_conflicts.csv", "README.md"
"""Files of a merged folder beside its manifest; a table that would be empty is not written."""

ALL_COPIED = "Files are copies."

TEXT = """# {title}

Merged by `braintumor-tf datasets merge`. This folder is a data set for every command: `{listing}` names the label,
the source, the origin and the patient of each image. Images lie in `SOURCE/SPLIT/CLASS`, with the split where the
source has an official one. {stored}

| data set | called here | images brought | left out as copies | unreadable files | known patients |
|---|---|---|---|---|---|
{rows}

| class, of all images brought | {names} |
|---|{lines}
{classes}

{sentences}
"""


def write_merged(found: MergedScan, out: str | Path, *, links: bool = False, show_progress: bool = True) -> Path:
    """Writes a merged data set as a folder of its own; it appears complete or not at all.

    Args:
        found: from `merge`.
        out: the folder; it must not exist, or be empty.
        links: hard links to the files instead of copies, where the file system can make them. What is then changed in
            a file is changed in both places.
        show_progress: whether to show a bar.

    Returns:
        The folder. It holds the images in ``SOURCE/SPLIT/CLASS``, ``manifest.csv`` with relative paths (a data set for
        every command), ``README.md``, and where there are any ``left_out.csv`` (unreadable files, and copies with the
        file that stays for each) and ``label_conflicts.csv`` (pictures under several labels).

    Raises:
        DatasetError: the folder holds something, which is left as it is.

    Example:
        >>> write_merged(merge("data/sartaj", "data/masoud"), "data/both")  # doctest: +SKIP
        PosixPath('data/both')
    """
    out = Path(out)
    refuse_filled(out)
    places = dict(zip(found.manifest["path"], _places(found.manifest)))
    linked = 0
    with complete_or_nothing(out) as draft:
        for path, place in progress_bar(places.items(), "Writing images", total=len(places), show=show_progress):
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            linked += _store(path, draft / place, links)
        write_manifest(draft / LISTING, found.manifest.assign(path=list(places.values())))
        left_out, conflicts = _left_out(found, places), _conflicts(found.merge, places)
        for name, table in ((LEFT_OUT, left_out), (CONFLICTS, conflicts)):
            if len(table):
                write_csv(draft / name, table)
        stored = f"{linked:,} files are hard links, {len(places) - linked:,} are copies." if linked else ALL_COPIED
        write_text(draft / README, _readme(found.merge, stored, left_out=len(left_out), conflicts=len(conflicts)))
    return out


def refuse_filled(out: Path) -> None:
    """Raises DatasetError for a folder that holds something."""
    if holds_anything(out):
        raise DatasetError(f"{out}: holds something already; give another folder, or remove it")


def _store(path: str, place: Path, links: bool) -> bool:
    """Links or copies a file, or writes a slice of a volume as a picture; returns whether it is a link."""
    if file_of(path) != path:
        place.write_bytes(read_content(path).data)
        return False
    if links:
        try:
            os.link(os.path.realpath(path), place)
        except OSError:
            pass  # another file system, or one without links
        else:
            return True
    shutil.copy2(path, place)
    return False


def _places(manifest: pd.DataFrame) -> Iterator[str]:
    """Yields a relative path for each image; equal names of one folder get numbers."""
    taken: set[str] = set()
    for row in manifest.itertuples():
        folders = [_plain(part) for part in (row.source, row.split, row.label) if part]
        name = Path(row.path if file_of(row.path) == row.path else f"{stem_of(row.path)}.pgm")
        place, number = "/".join([*folders, name.name]), 1
        while place.lower() in taken:  # some file systems do not tell a.png from A.PNG
            number += 1
            place = "/".join([*folders, f"{name.stem}_{number}{name.suffix}"])
        taken.add(place.lower())
        yield place


def _plain(text: str) -> str:
    """A name of a folder that every file system takes, and that is not hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-") or "set"


def _left_out(found: MergedScan, places: dict[str, str]) -> pd.DataFrame:
    """One row a file that is not in the folder: why, and for a copy which file stays."""
    copies = [{**row, "reason": "copy", "kept": places[row["kept"]]} for row in found.merge.left_out]
    rows = [*copies, *found.unreadable.to_dict("records")]
    return pd.DataFrame(rows, columns=["path", "source", "label", "reason", "kept"]).fillna("")


def _conflicts(merge: Merge, places: dict[str, str]) -> pd.DataFrame:
    """One row a file of a picture that is filed under several labels, and the number of the picture."""
    rows = [
        {"picture": number, **row, "here": places.get(row["path"], "")}
        for number, files in enumerate(merge.conflicts, 1)
        for row in files
    ]
    return pd.DataFrame(rows, columns=["picture", "path", "source", "label", "here"])


def _readme(merge: Merge, stored: str, *, left_out: int, conflicts: int) -> str:
    names = [part.name for part in merge.parts]
    rows = [
        (f"`{part.dataset}`", part.name, part.images, part.left_out, part.unreadable, part.patients)
        for part in merge.parts
    ]
    labels = sorted({label for part in merge.parts for label in part.classes})
    counts = [(label, *(part.classes.get(label, 0) for part in merge.parts)) for label in labels]
    found = [*merge.sentences, f"{left_out:,} files are not here; `{LEFT_OUT}` says which, and why."]
    found[-1:] = found[-1:] if left_out else ["No file was left out."]
    found += [f"`{CONFLICTS}` lists the files of pictures under several labels."] if conflicts else []
    return TEXT.format(
        title=" and ".join(names),
        listing=LISTING,
        stored=stored,
        rows=_table(rows),
        names=" | ".join(names),
        lines="---|" * len(names),
        classes=_table(counts),
        sentences="\n".join(f"- {sentence}" for sentence in found),
    )


def _table(rows: Iterable[Iterable[Any]]) -> str:
    """Rows of a Markdown table; numbers with commas."""
    cells = ([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
