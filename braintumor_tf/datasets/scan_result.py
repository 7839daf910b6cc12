"""What a scan of a folder or a CSV found: the images, and everything that is not used, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from braintumor_tf.errors import DatasetError


@dataclass(frozen=True)
class Scan:
    """What a folder or a CSV holds.

    Attributes:
        manifest: one row a readable image, with the columns `COLUMNS`; `split` is the official one (empty where there
            is none), `patient` is filled where the source knows it, `group` is empty until
            `braintumor_tf.leakage.group` fills it.
        unreadable: ``path`` and ``reason`` of every image file that cannot be read.
        root: the folder that was scanned.
        passed_over: ``path`` and ``reason`` of every other folder, file or row that was seen and is not used: hidden,
            left out by a pattern, without a label, repeated, or no image. Of a folder that is left out the files are
            counted, not listed.
        notes: sentences on what is odd about the layout, such as a class of one image, and on files of several pages or
            frames, of which the first is described; empty where nothing is.
    """

    manifest: pd.DataFrame
    unreadable: pd.DataFrame
    root: Path
    passed_over: pd.DataFrame = field(default_factory=lambda: named_paths([]))
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the data set is called in text."""
        return str(self.root)

    @property
    def remarks(self) -> list[str]:
        """The notes, and for each reason why something is not used how much is not, in sentences for a reader."""
        return [*self.notes, *passed_over_sentences(self.passed_over)]


def named_paths(found: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Returns pairs of a path and a reason as a table with the columns ``path`` and ``reason``, sorted by path."""
    return pd.DataFrame(sorted(found), columns=["path", "reason"], dtype=str)


def passed_over_sentences(passed_over: pd.DataFrame) -> list[str]:
    """Says for each reason how many files, folders or rows are not used because of it, and which is the first.

    Args:
        passed_over: ``path`` and ``reason``; what stands in brackets at the end of a reason is a detail.

    Example:
        >>> texts = [("a/x.txt", "no image file (.txt)"), ("b.md", "no image file (.md)"), ("c", "an archive")]
        >>> passed_over_sentences(named_paths(texts))
        ['not used: 2, no image file, the first a/x.txt', 'not used: c, an archive']
    """
    sentences = []
    for reason, rows in passed_over.groupby(passed_over["reason"].str.replace(r" \(.*\)$", "", regex=True), sort=False):
        first = rows.iloc[0]
        several = f"not used: {len(rows):,}, {reason}, the first {first['path']}"
        sentences.append(several if len(rows) > 1 else f"not used: {first['path']}, {first['reason']}")
    return sentences


def check_readable(root: Path, good: Sequence[object], unreadable: pd.DataFrame, strict: bool) -> None:
    """Raises DatasetError where no image can be read, or one cannot and `strict` forbids it.

    Args:
        root: the folder or the CSV.
        good: the images that can be read.
        unreadable: ``path`` and ``reason`` of those that cannot.
        strict: whether a single one is too many.
    """
    if good and not (strict and len(unreadable)):
        return
    first = unreadable.iloc[0]
    if good:
        raise DatasetError(
            f"{root}: {len(unreadable)} unreadable files, the first {first.path}: {first.reason}; "
            "remove or repair them, or scan without strict"
        )
    raise DatasetError(
        f"{root}: no labelled image can be read ({len(unreadable)} unreadable files, the first {first.path}: "
        f"{first.reason})"
    )
