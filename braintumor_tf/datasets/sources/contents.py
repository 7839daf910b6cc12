"""Lists of known content: which files a published data set has, by the first digits of their MD5."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from braintumor_tf.datasets.formats.signatures import IMAGE_SUFFIXES
from braintumor_tf.datasets.sources.table import get_source
from braintumor_tf.files import atomic_path
from braintumor_tf.progress import progress_bar

CONTENTS = Path(__file__).parent / "lists"
"""Where the lists of known content lie: one ``<source>.csv.gz`` each, with hashes and file names, never images."""

HASH_DIGITS = 12
"""How many hexadecimal digits of an MD5 are compared; two of 10,000 files agree by chance once in 5 million sets."""


def hash_files(folder: str | Path, *, show_progress: bool = True) -> dict[str, str]:
    """Returns the first digits of each image file's MD5 by its path below the folder, with ``/``; "" if unreadable."""
    folder = Path(folder)
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        paths += [Path(parent, name) for name in names if not name.startswith(".")]
    paths = sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    with ThreadPoolExecutor() as pool:
        hashes = progress_bar(pool.map(_short_md5, paths), "Hashing files", total=len(paths), show=show_progress)
        return {path.relative_to(folder).as_posix(): digest for path, digest in zip(paths, hashes)}


def write_contents(folder: str | Path, source: str, *, destination: str | Path = CONTENTS) -> Path:
    """Writes the list of a source's content that `verify` compares with: hashes and relative paths, no images.

    For maintainers: run it on a folder that is known to be the published one.

    Args:
        folder: the data set's folder, or one that holds only some of its class folders.
        source: the short name of the source.
        destination: the folder for the list.

    Returns:
        The path of ``<source>.csv.gz``, the same bytes for the same content.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("md5", "path"))
    writer.writerows((digest, path) for path, digest in hash_files(folder).items())
    path = Path(destination) / f"{get_source(source).name}.csv.gz"
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text.getvalue().encode("utf-8"), 9, mtime=0))
    return path


def read_contents(source: str) -> dict[str, str]:
    """Returns the known content of a source, hash by relative path; empty where none is known here."""
    path = CONTENTS / f"{source}.csv.gz"
    if not path.is_file():
        return {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return {row["path"]: row["md5"] for row in csv.DictReader(file)}


def _short_md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()[:HASH_DIGITS]
