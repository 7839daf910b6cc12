"""The cache of links: what was found for a picture in certain tables, so that it is searched once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from braintumor_tf.datasets.cache import cache_directory
from braintumor_tf.errors import DatasetError

VERSION = 2
"""Part of the cache's key: raised when `find_origins` answers otherwise for the same picture and tables."""

_SCHEMA = """CREATE TABLE IF NOT EXISTS links (
    tables TEXT, pixel_hash TEXT, found TEXT, PRIMARY KEY (tables, pixel_hash)) WITHOUT ROWID"""
_CHUNK = 500


class LinkCache:
    """A SQLite file of links, ``links.sqlite`` in `cache_directory`; several processes may use it at once.

    Args:
        tables: name and hash of the tables that were searched; None keeps nothing.
        columns: the columns of what was found.

    Raises:
        DatasetError: the file cannot be opened or is no SQLite database.
    """

    def __init__(self, tables: Mapping[str, str] | None, columns: Sequence[str]):
        self._key = json.dumps([VERSION, *columns, sorted(tables.items())]) if tables is not None else ""
        place = ":memory:" if tables is None else str(cache_directory() / "links.sqlite")
        try:
            if tables is not None:
                Path(place).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(place, timeout=60)
            self._connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise DatasetError(
                f"{place}: the cache of links cannot be used ({error}); "
                "remove it, or set BRAINTUMOR_TF_CACHE to another folder"
            ) from error

    def __enter__(self) -> LinkCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def read(self, pixel_hashes: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Returns what was found for the pictures that were searched before."""
        asked, found = sorted(set(pixel_hashes)), {}
        for start in range(0, len(asked), _CHUNK):
            part = asked[start : start + _CHUNK]
            places = ", ".join("?" * len(part))
            query = f"SELECT pixel_hash, found FROM links WHERE tables = ? AND pixel_hash IN ({places})"
            found |= {
                name: tuple(json.loads(text)) for name, text in self._connection.execute(query, [self._key, *part])
            }
        return found

    def add(self, found: Mapping[str, Sequence[str]]) -> None:
        """Keeps what was found for pictures."""
        rows = [(self._key, name, json.dumps(list(row))) for name, row in found.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO links VALUES (?, ?, ?)", rows)
