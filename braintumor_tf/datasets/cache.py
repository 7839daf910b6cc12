"""The cache of image descriptions: keyed by content, so that a file is decoded once wherever it lies."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import platformdirs

from braintumor_tf.datasets.descriptions import VERSION, Description
from braintumor_tf.errors import DatasetError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, md5 TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (
    md5 TEXT, version TEXT, width INTEGER, height INTEGER, pixel_hash TEXT, phash TEXT, error TEXT,
    PRIMARY KEY (md5, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thumbnails (md5 TEXT, version TEXT, pixels BLOB, PRIMARY KEY (md5, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (md5 TEXT, version TEXT, pixels BLOB, PRIMARY KEY (md5, version)) WITHOUT ROWID;
"""
_CHUNK = 500


def cache_directory() -> Path:
    """Returns where descriptions are kept: ``$BRAINTUMOR_TF_CACHE``, else the user's cache directory."""
    return Path(os.environ.get("BRAINTUMOR_TF_CACHE") or platformdirs.user_cache_dir("braintumor_tf"))


class DescriptionCache:
    """A SQLite file of descriptions; several processes and threads may use it at once.

    A file whose path, size and modification time are known is not read again; a file whose content is known (a copy, a
    moved folder) is read but not decoded again.

    Args:
        folder: where ``descriptions.sqlite`` lies; None keeps everything in memory.

    Raises:
        DatasetError: the file cannot be opened or is no SQLite database.
    """

    def __init__(self, folder: str | Path | None):
        place = ":memory:" if folder is None else str(Path(folder) / "descriptions.sqlite")
        try:
            if folder is not None:
                Path(folder).mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(place, timeout=60, check_same_thread=False)
            self._connection.executescript(_SCHEMA)
            self._lock = threading.Lock()
        except (OSError, sqlite3.Error) as error:
            raise DatasetError(
                f"{place}: the cache of image descriptions cannot be used ({error}); "
                "remove it, or set BRAINTUMOR_TF_CACHE to another folder"
            ) from error

    def __enter__(self) -> DescriptionCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def files(self, folder: str | Path) -> dict[str, tuple[int, int, str]]:
        """Returns ``{path: (size, mtime_ns, md5)}`` of the files known below `folder`."""
        prefix = os.path.join(str(folder), "")
        rows = self._connection.execute(
            "SELECT path, size, mtime_ns, md5 FROM files WHERE path >= ? AND path < ?", (prefix, prefix + "\U0010ffff")
        )
        return {path: (size, mtime, md5) for path, size, mtime, md5 in rows}

    def contents(self, hashes: Iterable[str]) -> dict[str, Description]:
        """Returns the descriptions, without thumbnails and small pictures, that are known for some MD5s."""
        found = {}
        for row in self._select("md5, width, height, pixel_hash, phash, error", "contents", hashes):
            found[row[0]] = Description(*row[:5], error=row[5])
        return found

    def thumbnails(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Returns the thumbnails that are known for some MD5s."""
        return dict(self._select("md5, pixels", "thumbnails", hashes))

    def pictures(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Returns the small pictures that are known for some MD5s."""
        return dict(self._select("md5, pixels", "pictures", hashes))

    def add(self, files: Mapping[str, tuple[int, int, str]], descriptions: Iterable[Description]) -> None:
        """Adds files and new descriptions in one transaction."""
        descriptions = list(descriptions)
        with self._lock, self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", [(path, *row) for path, row in files.items()]
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(d.md5, VERSION, d.width, d.height, d.pixel_hash, d.phash, d.error) for d in descriptions],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?)",
                [(d.md5, VERSION, d.thumbnail) for d in descriptions if d.thumbnail],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)",
                [(d.md5, VERSION, d.picture) for d in descriptions if d.picture],
            )

    def _select(self, columns: str, table: str, hashes: Iterable[str]) -> Iterable[tuple]:
        wanted = list(dict.fromkeys(hashes))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT {columns} FROM {table} WHERE version = ? AND md5 IN ({marks})"
            with self._lock:
                rows = self._connection.execute(query, (VERSION, *chunk)).fetchall()
            yield from rows
