"""``make fuzz``: starts a process for each target, watches it, and reports.

``python -m tests.faults.fuzz --inputs 10000 --seconds 900`` tries that many inputs over all targets, for that many
seconds at the most (the starts of the processes come on top). It ends with exit code 1 if there is a fault.
``python -m tests.faults.fuzz TARGET --replay FOLDER`` reads the input of one fault again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fuzz import trial
from tests.faults.fuzz.trial import Tally

REPOSITORY = Path(__file__).resolve().parents[3]
SHARES = {
    "pictures": 0.3,
    "generator": 0.1,
    "tables": 0.2,
    "manifest": 0.1,
    "run": 0.2,
    "comparison": 0.03,
    "cache": 0.07,
}
"""Of the inputs and of the time, what each target gets; comparing runs takes the longest an input."""


@dataclass(frozen=True)
class Report:
    """What became of a target's inputs.

    Attributes:
        tally: their numbers.
        faults: a folder each, with the input and ``fault.txt``.
    """

    tally: Tally
    faults: tuple[Path, ...]


def fuzz(name: str, folder: Path, *, inputs: int, seconds: float, seed: int = 0, hang: float | None = None) -> Report:
    """Tries inputs of one target, in further processes where one dies or hangs.

    Args:
        name: of the target.
        folder: where to work; what is there of an earlier trial is removed.
        inputs: how many.
        seconds: how long at most, without the starts of processes.
        seed: of the inputs.
        hang: after how many seconds of processor time at one input a process is killed, or `trial.BUSY` times as many
            by the clock; `trial.HANG_SECONDS` if not given.
    """
    hang = trial.HANG_SECONDS if hang is None else hang
    total, faults, attempt = Tally(), [], 0
    shutil.rmtree(folder, ignore_errors=True)
    while total.inputs < inputs and (left := seconds - total.spent) > 0 and attempt <= 20:
        place = folder / str(attempt)
        place.mkdir(parents=True)
        ended = _watch(name, place, inputs - total.inputs, left, seed + attempt, hang)
        tally = _tally(place)
        if ended != "":
            mutant = (place / "input" / "name.txt").read_text(), (place / "input" / "data.bin").read_bytes()
            trial.keep(place / "faults" / "ended", mutant, ended)
            tally.inputs, tally.faults, tally.spent = tally.inputs + 1, tally.faults + 1, tally.spent + hang
        faults += sorted((place / "faults").glob("*"))
        _add(total, tally)
        attempt += 1
        if ended == "":
            break
    return Report(total, tuple(faults))


def _watch(name: str, place: Path, inputs: int, seconds: float, seed: int, hang: float) -> str:
    """Runs a trial; returns why it did not end by itself, "" if it did."""
    command = [sys.executable, "-m", "tests.faults.fuzz.trial", name, str(place), str(inputs), str(seconds), str(seed)]
    environment = {**os.environ, "BRAINTUMOR_TF_CACHE": str(place / "work" / "cache"), "PYTHONHASHSEED": "0"}
    with open(place / "errors.txt", "wb") as errors:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=errors, stdout=subprocess.DEVNULL)
        try:
            state, since = place / "tally.json", None
            while process.poll() is None:
                time.sleep(0.05)
                written = state.stat().st_mtime_ns if state.exists() else None
                if since is None or written != since[0]:
                    since = written, time.monotonic(), _processor_time(process.pid)
                waited, worked = time.monotonic() - since[1], _processor_time(process.pid) - since[2]
                if written and (worked > hang + 1 or waited > hang * trial.BUSY):
                    return f"hang: still at it after {worked:.0f} s of processor time and {waited:.0f} s by the clock"
        finally:
            process.kill()
            process.wait()
    if process.returncode == 0:
        return ""
    text = (place / "errors.txt").read_text(errors="replace")
    if not (place / "input").exists():
        raise RuntimeError(f"the target {name} cannot be tried:\n{text}")
    return f"the process ended with {process.returncode}\n{text}"


def _processor_time(process: int) -> float:
    """Seconds that a process has worked, 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tally(place: Path) -> Tally:
    state = place / "tally.json"
    return Tally(**json.loads(state.read_text())) if state.exists() else Tally()


def _add(total: Tally, tally: Tally) -> None:
    for name in ("inputs", "read", "refused", "faults", "spent"):
        setattr(total, name, getattr(total, name) + getattr(tally, name))
    total.slowest, total.memory = max(total.slowest, tally.slowest), max(total.memory, tally.memory)


def replay(name: str, folder: Path) -> None:
    """Reads the input of a fault again; what goes wrong is raised."""
    import tempfile

    target = trial.named(name)
    with tempfile.TemporaryDirectory() as work:
        os.environ["BRAINTUMOR_TF_CACHE"] = f"{work}/cache"
        target.prepare(Path(work))
        changed = Path(work) / (folder / "name.txt").read_text()
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_bytes((folder / "data.bin").read_bytes())
        target.read(Path(work))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*SHARES, []], help="all by default")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=REPOSITORY / ".fuzz", help="where inputs with a fault are kept")
    parser.add_argument("--replay", type=Path, help="the folder of a fault")
    given = parser.parse_args(arguments)
    names = given.targets or list(SHARES)
    if given.replay:
        replay(names[0], given.replay)
        return 0
    shares, faults = sum(SHARES[name] for name in names), []
    total = Tally()
    print(f"{'target':12}{'inputs':>8}{'read':>8}{'refused':>9}{'faults':>8}{'slowest s':>11}{'most MB':>9}")
    for place, name in enumerate(names):
        later = sum(SHARES[each] for each in names[place:])
        left = (given.seconds - total.spent) * SHARES[name] / later
        inputs = round(given.inputs * SHARES[name] / shares)
        report = fuzz(name, given.out / name, inputs=inputs, seconds=max(left, 1.0), seed=given.seed)
        _add(total, report.tally)
        faults += report.faults
        print(_line(name, report.tally), flush=True)
    print(_line("all", total))
    for folder in faults:
        print(f"{folder}: {(folder / 'fault.txt').read_text(errors='replace').splitlines()[0]}")
    return int(bool(faults))


def _line(name: str, tally: Tally) -> str:
    numbers = f"{tally.inputs:8}{tally.read:8}{tally.refused:9}{tally.faults:8}"
    return f"{name:12}{numbers}{tally.slowest:11.2f}{tally.memory / 1e6:9.0f}"


if __name__ == "__main__":
    sys.exit(main())
