"""The cache of links: what was found for a picture in certain tables, so that it is searched once."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from braintumor_tf.datasets.cache import cache_directory
from braintumor_tf.datasets.cache_file import CacheFile

_ROOMS = ("matching", "identity")
"""The rooms whose code decides what is found for the same picture and tables."""

_CHUNK = 500


class LinkCache:
    """A SQLite file of links, ``published.sqlite`` in `cache_directory`; several processes may use it at once.

    What was found is kept for the same tables and the same code (`code_hash`). A cache that is damaged is made anew,
    one that cannot be used is gone on without (`CacheFile`).

    Args:
        tables: name and hash of the tables that were searched; None keeps nothing.
        columns: the columns of what was found.
    """

    def __init__(self, tables: Mapping[str, str] | None, columns: Sequence[str]):
        self._key = "" if tables is None else json.dumps([code_hash(), *columns, sorted(tables.items())])
        place = None if tables is None else cache_directory() / "published.sqlite"
        self._store = CacheFile(place, {"links": ("tables", "pixel_hash", "found")}, {"links": 2}, what="links")

    def __enter__(self) -> LinkCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self._store.__exit__(*exception)

    def read(self, pixel_hashes: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Returns what was found for the pictures that were searched before."""
        asked, found = sorted(set(pixel_hashes)), {}
        for start in range(0, len(asked), _CHUNK):
            part = asked[start : start + _CHUNK]
            where = f"tables = ? AND pixel_hash IN ({', '.join('?' * len(part))})"
            rows = self._store.rows("links", where, [self._key, *part])
            found |= {name: tuple(json.loads(text)) for _, name, text in rows}
        return found

    def add(self, found: Mapping[str, Sequence[str]]) -> None:
        """Keeps what was found for pictures."""
        self._store.add({"links": [(self._key, name, json.dumps(list(row))) for name, row in found.items()]})


@functools.cache
def code_hash() -> str:
    """Returns a SHA-256 over the code that searches and its learned weights; what older code has found is not reused.

    The tables are not among it: the cache knows each by its own hash.
    """
    package, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((package / room).rglob("*")):
            if path.suffix in (".py", ".npz") and path.parent.name != "tables":
                digest.update(path.read_bytes())
    return digest.hexdigest()
