"""Which file is the model of a run: its SHA-256, written with it and compared whenever it is opened."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from braintumor_tf.errors import BrainTumorWarning, ModelError
from braintumor_tf.files import atomic_path, file_hash, write_text

FILE = "model.sha256"
"""The file of the hash, in the format of ``sha256sum``, which can check it, too."""

_told: set[Path] = set()
"""Models that were opened without a hash, and of which it was said."""


@contextlib.contextmanager
def keeping_hash(path: Path) -> Iterator[Path]:
    """Gives a temporary path for the model of a run, and puts what was written there in its place with its SHA-256.

    While the model is replaced, ``model.sha256`` holds the hashes of both, so that a process that is killed at any
    moment leaves a model that has one of them.

    Args:
        path: the model's file in the directory of its run.

    Yields:
        The temporary path to write to.
    """
    with atomic_path(path) as temporary:
        yield temporary
        found = file_hash(temporary, "sha256")
        _write(path, [found, *_hashes_before(path)])
    _write(path, [found])


def keep_hash(path: Path) -> None:
    """Writes the hash of a model that stands in the directory of its run already."""
    _write(path, [file_hash(path, "sha256")])


def check_model(path: Path) -> None:
    """Refuses the file of a run's model if it is another one than the run wrote.

    Runs of version 0.1 have no hash. They are opened, and a `BrainTumorWarning` says so once.

    Args:
        path: the model's file in the directory of its run.

    Raises:
        ModelError: the file has another hash, or ``model.sha256`` does not hold one of it.
    """
    kept = _kept_hashes(path)
    if kept is None:
        if path.absolute() not in _told:
            _told.add(path.absolute())
            warnings.warn(
                f"{path}: cannot be checked, its run has no {FILE}; runs of version 0.1 have none",
                BrainTumorWarning,
                stacklevel=2,
            )
        return
    if not kept:
        raise ModelError(f"{path.parent / FILE}: holds no SHA-256 of {path.name}; put the run's own file back")
    if file_hash(path, "sha256") not in kept:
        raise ModelError(
            f"{path}: is not the model of this run (its SHA-256 is not the one in {FILE}), so the run's scores and "
            "calibration are not its own; put the run's own file back, or train anew"
        )


def _kept_hashes(path: Path) -> list[str] | None:
    """The hashes that a run has kept of its model, None where it has no file of them."""
    try:
        lines = (path.parent / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    found = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines]
    return [line[1] for line in found if line and line[2] == path.name]


def _hashes_before(path: Path) -> list[str]:
    """The hashes that the model may have until it is replaced, none where there is no model yet."""
    if not path.is_file():
        return []
    kept = _kept_hashes(path)
    return [file_hash(path, "sha256")] if kept is None else kept


def _write(path: Path, hashes: list[str]) -> None:
    write_text(path.parent / FILE, "".join(f"{each}  {path.name}\n" for each in hashes))
