"""Targets with known faults, for the tests of the fuzzing itself."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

from braintumor_tf.errors import DatasetError
from tests.faults.fuzz.trial import Target


def _prepare(folder: Path) -> dict[str, bytes]:
    return {"number.json": b'{"number": 7}'}


def _read(folder: Path) -> int:
    text = (folder / "number.json").read_bytes()
    if text == b'{"number": 7}':
        return 7
    raise DatasetError(f"{folder}: not 7")


def _raise(folder: Path) -> None:
    if b"null" in (folder / "number.json").read_bytes():
        raise KeyError("number")
    _read(folder)


class _TwoLines(DatasetError):
    """Says what the errors of the package cannot say any more."""

    def __str__(self) -> str:
        return "one\ntwo"


def _two_lines(folder: Path) -> None:
    raise _TwoLines


def _end(folder: Path) -> None:
    os._exit(9)


def _wait(folder: Path) -> None:
    time.sleep(600)


def _work(folder: Path) -> None:
    while True:
        pass


def _take(folder: Path) -> None:
    with mmap.mmap(-1, 40_000_000) as taken:  # unlike an array, never from memory that the process has kept
        for place in range(0, len(taken), mmap.PAGESIZE):
            taken[place] = 1


SOUND = Target(_prepare, _read)
RAISES = Target(_prepare, _raise)
TWO_LINES = Target(_prepare, _two_lines)
ENDS = Target(_prepare, _end)
WAITS = Target(_prepare, _wait)
WORKS = Target(_prepare, _work)
TAKES = Target(_prepare, _take)
