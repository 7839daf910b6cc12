"""Reading a table of text exactly as it stands: what is no table, or only a part of one, is refused with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from braintumor_tf.errors import DatasetError

SEPARATORS = (",", ";", "\t", "|")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LINE = "line"
"""The name of the index: the line on which each row begins, counted from 1."""


def read_table(path: Path) -> pd.DataFrame:
    """Reads a CSV as text, as `table_with_lines` does, its rows numbered from 0."""
    return table_with_lines(path).reset_index(drop=True)


def table_with_lines(path: Path) -> pd.DataFrame:
    """Reads a CSV as text, empty where nothing stands.

    The file is UTF-8, with or without a byte order mark. Columns are parted by commas, or by semicolons, tabs or bars
    where the first line has no comma. Every row has as many fields as the first line.

    Args:
        path: the file.

    Returns:
        Text alone, in the order of the file; the index is the line of each row.

    Raises:
        DatasetError: the file is missing, empty, no text, no UTF-8, has two columns of one name, or a row of another
            length.
    """
    text = _text(path)
    head = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    if not head:
        raise DatasetError(f"{path}: is empty; a table has a line of column names first")
    separator = next((mark for mark in SEPARATORS if mark in head), ",")
    rows, lines = _records(path, text, separator)
    columns = [name.strip() for name in rows[0]]
    blank = [place for place, name in enumerate(columns) if not name]
    _check_columns(path, [name for name in columns if name])
    for row, line in zip(rows[1:], lines[1:]):
        if len(row) != len(columns):
            raise DatasetError(
                f"{path}: line {line} has {len(row)} fields, where the first line names {len(columns)}; repair it, and "
                "quote values that hold the separator"
            )
        if any(row[place].strip() for place in blank):
            raise DatasetError(f"{path}: line {line} has a value in a column without a name; name it in the first line")
    table = pd.DataFrame(rows[1:], columns=columns, index=pd.Index(lines[1:], name=_LINE), dtype=str)
    return table[[name for name in columns if name]]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if data.startswith(_UTF_16):
        raise DatasetError(f"{path}: is written in UTF-16; save it as CSV in UTF-8")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise DatasetError(f"{path}: no table of text, or damaged: line {line} has a NUL byte; save it anew as CSV")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{path}: is not UTF-8 (line {line} has the byte {data[error.start]:#04x}); save it as CSV in UTF-8"
        ) from error


def _records(path: Path, text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, and the line on which each begins."""
    reader, rows, lines, begins = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), [], [], 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(begins)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{path}: line {begins} cannot be read as CSV ({error}); repair its quotes") from error
    return rows, lines


def _check_columns(path: Path, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise DatasetError(f"{path}: has two columns called {twice}; rename or remove one")
