"""Tries inputs in this process, one after the other, and writes down what becomes of them as it goes.

``python -m tests.faults.fuzz.trial TARGET FOLDER INPUTS SECONDS SEED`` is what ``make fuzz`` starts.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from braintumor_tf.errors import BrainTumorError
from tests.faults.fuzz.mutants import Mutant, mutants

HANG_SECONDS = 10.0
"""Processor time that one input may take. By the clock it may take `BUSY` times as long: the machine may be busy."""

BUSY = 60

MEMORY_BYTES = 1_000_000_000
"""Memory that one input may take beyond what is in use before."""

_GUARD_BYTES = 6_000_000_000
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Target:
    """Something that reads files.

    Attributes:
        prepare: fills an empty folder, and returns the sound files that are changed, by name.
        read: reads what lies in the folder. It may raise the package's own errors; any other error is a fault.
        place: where a changed file is written, from its name.
    """

    prepare: Callable[[Path], Mapping[str, bytes]]
    read: Callable[[Path], object]
    place: Callable[[str], str] = str


@dataclass
class Tally:
    """How the inputs of a target have fared so far; memory is in bytes, different faults are counted once."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    faults: int = 0
    slowest: float = 0.0
    memory: int = 0
    spent: float = 0.0


def try_inputs(target: Target, folder: Path, *, inputs: int, seconds: float, start: int) -> Tally:
    """Tries inputs until there are enough or the time is over.

    Args:
        target: what reads them.
        folder: an empty folder. ``work`` in it is what the target reads, ``tally.json`` says how far the trial is,
            ``input`` is the input at work, and each folder in ``faults`` is one fault.
        inputs: how many.
        seconds: after which no further one is begun; making the sound files does not count.
        start: the seed.
    """
    work, tally, seen = folder / "work", Tally(), set()
    work.mkdir(parents=True, exist_ok=True)
    sound = target.prepare(work)
    began = time.monotonic()

    @seed(start)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants(sound))
    def attempt(mutant: Mutant) -> None:
        tally.spent = time.monotonic() - began
        if tally.spent > seconds or tally.inputs >= inputs:
            raise _Over
        name, data = target.place(mutant[0]), mutant[1]
        keep(folder / "input", (name, data))
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)
        (folder / "tally.json").write_text(json.dumps(asdict(tally)))
        fault = _attempt(target, work, tally)
        if fault and fault[0] not in seen:
            seen.add(fault[0])
            tally.faults += 1
            keep(folder / "faults" / f"{start}-{len(seen)}", (name, data), "\n".join(fault))
        (work / name).unlink(missing_ok=True)
        if name in sound:
            (work / name).write_bytes(sound[name])

    with contextlib.suppress(_Over):
        attempt()
    (folder / "tally.json").write_text(json.dumps(asdict(tally)))
    return tally


class _Over(BaseException):
    """Ends a trial. Hypothesis lets it through, and makes no further input; an `Exception` would be a failed test."""


def keep(folder: Path, mutant: Mutant, text: str = "") -> None:
    """Writes an input, and what is wrong with how it was read, where they can be tried again."""
    name, data = mutant
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name.txt").write_text(name)
    (folder / "data.bin").write_bytes(data)
    if text:
        (folder / "fault.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def _attempt(target: Target, work: Path, tally: Tally) -> tuple[str, str] | None:
    """Reads once; returns what tells the fault from others, and all that is known of it."""
    before, started = _start_measuring(), time.process_time()
    tally.inputs += 1
    fault = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(work)
        tally.read += 1
    except BrainTumorError as error:
        tally.refused += 1
        if "\n" in str(error) or not str(error):
            fault = f"{type(error).__name__} is not one line", repr(str(error))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "braintumor_tf" in frame.filename]
        places = {f"{frame.filename}:{frame.lineno}" for frame in [*ours[-1:], last]}
        fault = f"{type(error).__name__} at {', '.join(sorted(places))}", traceback.format_exc()
    took, used = time.process_time() - started, _peak() - before
    tally.slowest, tally.memory = max(tally.slowest, took), max(tally.memory, used)
    if took > HANG_SECONDS:
        fault = "slow", f"took {took:.1f} s of processor time"
    elif used > MEMORY_BYTES:
        fault = "memory", f"took {used / 1e6:.0f} MB"
    return fault


def _start_measuring() -> int:
    """Forgets the highest memory use so far, where the system can, and returns what is used now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return _peak()


def _peak() -> int:
    if _STATUS.exists():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in _STATUS.read_text().splitlines() if line.startswith(field))


def named(name: str) -> Target:
    """Returns a target by its name among the targets, or as ``module:attribute``."""
    module, _, attribute = name.partition(":")
    if attribute:
        return getattr(importlib.import_module(module), attribute)
    return importlib.import_module("tests.faults.fuzz.targets").TARGETS[name]


if __name__ == "__main__":
    target_name, place, count, limit, number = sys.argv[1:]
    if sys.platform == "linux":  # so that no input takes the machine's memory
        resource.setrlimit(resource.RLIMIT_AS, (_GUARD_BYTES, resource.RLIM_INFINITY))
    try_inputs(named(target_name), Path(place), inputs=int(count), seconds=float(limit), start=int(number))
