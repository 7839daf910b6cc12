"""The cache of image descriptions: keyed by content, so that a file is decoded once wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import platformdirs

from braintumor_tf.datasets.cache_file import CacheFile
from braintumor_tf.datasets.descriptions import VERSION, Description

_TABLES = {
    "files": ("path", "size", "mtime_ns", "md5"),
    "contents": ("md5", "version", "width", "height", "pixel_hash", "phash", "error", "pages"),
    "thumbnails": ("md5", "version", "pixels"),
    "pictures": ("md5", "version", "pixels"),
}
_KEYS = {"files": 1, "contents": 2, "thumbnails": 2, "pictures": 2}
_CHUNK = 500


def cache_directory() -> Path:
    """Returns where descriptions are kept: ``$BRAINTUMOR_TF_CACHE``, else the user's cache directory."""
    return Path(os.environ.get("BRAINTUMOR_TF_CACHE") or platformdirs.user_cache_dir("braintumor_tf"))


class DescriptionCache:
    """A SQLite file of descriptions; several processes and threads may use it at once.

    A file whose path, size and modification time are known is not read again; a file whose content is known (a copy, a
    moved folder) is read but not decoded again. A cache that is damaged is made anew, one that cannot be used is gone
    on without (`CacheFile`).

    Args:
        folder: where ``images.sqlite`` lies; None keeps everything in memory.
    """

    def __init__(self, folder: str | Path | None):
        place = None if folder is None else Path(folder) / "images.sqlite"  # version 0.1 goes on with a file of its own
        self._store = CacheFile(place, _TABLES, _KEYS, what="image descriptions")

    def __enter__(self) -> DescriptionCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self._store.__exit__(*exception)

    def files(self, folder: str | Path) -> dict[str, tuple[int, int, str]]:
        """Returns ``{path: (size, mtime_ns, md5)}`` of the files known below `folder`."""
        first = os.fsencode(os.path.join(str(folder), ""))
        after = first[:-1] + bytes([first[-1] + 1])
        rows = self._store.rows("files", "path >= ? AND path < ?", (first, after))
        return {os.fsdecode(path): (size, mtime, md5) for path, size, mtime, md5 in rows}

    def contents(self, hashes: Iterable[str]) -> dict[str, Description]:
        """Returns the descriptions, without thumbnails and small pictures, that are known for some MD5s."""
        return {
            md5: Description(md5, *described, error=error, pages=pages)
            for md5, _, *described, error, pages in self._select("contents", hashes)
        }

    def thumbnails(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Returns the thumbnails that are known for some MD5s."""
        return {md5: pixels for md5, _, pixels in self._select("thumbnails", hashes)}

    def pictures(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Returns the small pictures that are known for some MD5s."""
        return {md5: pixels for md5, _, pixels in self._select("pictures", hashes)}

    def add(self, files: Mapping[str, tuple[int, int, str]], descriptions: Iterable[Description]) -> None:
        """Adds files and new descriptions in one transaction; each must have its MD5."""
        new = list(descriptions)
        self._store.add(
            {
                "files": [(os.fsencode(path), *row) for path, row in files.items()],
                "contents": [(d.md5, VERSION, d.width, d.height, d.pixel_hash, d.phash, d.error, d.pages) for d in new],
                "thumbnails": [(d.md5, VERSION, d.thumbnail) for d in new if d.thumbnail],
                "pictures": [(d.md5, VERSION, d.picture) for d in new if d.picture],
            }
        )

    def _select(self, table: str, hashes: Iterable[str]) -> Iterator[tuple]:
        wanted = list(dict.fromkeys(hashes))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            yield from self._store.rows(table, f"version = ? AND md5 IN ({marks})", (VERSION, *chunk))
