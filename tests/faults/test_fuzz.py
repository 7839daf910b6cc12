"""The fuzzing itself: it finds known faults of every kind, keeps their inputs, and finds none in the package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bad_images import valid_files
from tests.faults import toy_targets
from tests.faults.fuzz import trial
from tests.faults.fuzz.__main__ import REPOSITORY, SHARES, fuzz, main, replay
from tests.faults.fuzz.mutants import changed_bytes, changed_json, changed_table, with_sums
from tests.faults.fuzz.targets import TARGETS
from tests.faults.fuzz.trial import Target, named, try_inputs

TOYS = "tests.faults.toy_targets:"


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_reads_files_is_brought_down(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "work" / "cache"))
    found = try_inputs(TARGETS[name], tmp_path, inputs=4 if name == "comparison" else 25, seconds=60, start=1)
    told = [path.read_text(encoding="utf-8") for path in sorted(tmp_path.glob("faults/*/fault.txt"))]
    assert not told, "\n".join(told)
    assert found.inputs == found.read + found.refused > 0


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_to_begin_with_are_sound_and_small(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    target = TARGETS[name]
    for file, data in target.prepare(tmp_path).items():
        changed = tmp_path / target.place(file)
        changed.write_bytes(data)
        target.read(tmp_path)
        assert len(data) < 100_000
        if target.place(file) != file:
            changed.unlink()


def test_a_sound_reader_refuses_and_reads(tmp_path: Path) -> None:
    found = try_inputs(toy_targets.SOUND, tmp_path, inputs=60, seconds=60, start=0)
    assert found.inputs == 60 == found.read + found.refused and found.faults == 0 and not (tmp_path / "faults").exists()
    assert json.loads((tmp_path / "tally.json").read_text())["inputs"] == 60
    assert (tmp_path / "work" / "number.json").read_bytes() == b'{"number": 7}'  # sound again after each input


def test_another_error_is_a_fault_once_and_its_input_can_be_tried_again(tmp_path: Path) -> None:
    found = try_inputs(toy_targets.RAISES, tmp_path, inputs=200, seconds=60, start=0)
    [fault] = (tmp_path / "faults").iterdir()
    assert found.faults == 1 and found.inputs == 200 > found.read + found.refused
    assert (fault / "fault.txt").read_text().startswith("KeyError at") and b"null" in (fault / "data.bin").read_bytes()
    with pytest.raises(KeyError):
        replay(TOYS + "RAISES", fault)


def test_an_error_of_two_lines_is_a_fault(tmp_path: Path) -> None:
    assert try_inputs(toy_targets.TWO_LINES, tmp_path, inputs=3, seconds=60, start=0).faults == 1


@pytest.mark.parametrize(
    ("limit", "value", "toy"), [("MEMORY_BYTES", 20_000_000, "TAKES"), ("HANG_SECONDS", -1, "SOUND")]
)
def test_memory_and_time_have_limits(
    limit: str, value: int, toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target: Target = named(TOYS + toy)
    plain = try_inputs(target, tmp_path / "plain", inputs=3, seconds=60, start=0)
    monkeypatch.setattr(trial, limit, value)
    assert (plain.faults, try_inputs(target, tmp_path / "tight", inputs=3, seconds=60, start=0).faults) == (0, 1)
    assert (plain.memory > 35_000_000) == (toy == "TAKES")


def test_it_ends_in_time(tmp_path: Path) -> None:
    began = time.process_time()
    assert try_inputs(toy_targets.SOUND, tmp_path, inputs=10_000, seconds=0.3, start=0).inputs < 5000
    assert time.process_time() - began < 10  # no further inputs are made either, which would take a minute


@pytest.mark.parametrize(
    ("toy", "busy", "told"),
    [("ENDS", 60, "the process ended with 9"), ("WAITS", 2, "hang: .* 0 s of"), ("WORKS", 600, "hang: .* [23] s of")],
)
def test_a_process_that_dies_or_hangs_is_a_fault_and_the_next_goes_on(
    toy: str, busy: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "BUSY", busy)
    report = fuzz(TOYS + toy, tmp_path, inputs=2, seconds=600, hang=1.0)
    assert (report.tally.inputs, report.tally.faults, len(report.faults)) == (2, 2, 2)
    assert all(re.match(told, (fault / "fault.txt").read_text()) for fault in report.faults)
    assert all((fault / "data.bin").is_file() for fault in report.faults)


def test_the_exit_code_says_whether_there_are_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("tests.faults.fuzz.__main__.SHARES", {TOYS + "SOUND": 0.5, TOYS + "RAISES": 0.5})
    common = ["--inputs", "200", "--seconds", "60", "--out", str(tmp_path)]
    assert main([TOYS + "SOUND", *common]) == 0
    assert main(common) == 1
    assert "KeyError at" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["no such target"])


def test_every_target_has_its_share_of_the_inputs() -> None:
    assert list(SHARES) == list(TARGETS) and sum(SHARES.values()) == pytest.approx(1)


def test_make_fuzz_starts_it() -> None:
    dry = subprocess.run(
        ["make", "-n", "fuzz", "FUZZ_INPUTS=12", "FUZZ_SECONDS=34", f"VENV={sys.prefix}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "-m tests.faults.fuzz --inputs 12 --seconds 34" in dry.stdout and "FUZZ_EXAMPLES=2000" in dry.stdout


# === Mutants ===


def test_checksums_are_mended() -> None:
    whole = valid_files()["png"]
    assert with_sums(whole) == whole
    broken = whole[:17] + b"\x07" + whole[18:]
    assert with_sums(broken)[:29] == broken[:29] and with_sums(broken)[29:33] != broken[29:33]
    assert with_sums(b"GIF89a") == b"GIF89a"


@pytest.mark.parametrize(
    ("change", "sound", "is_near"),
    [
        (
            changed_bytes,
            bytes(range(200)),
            lambda made: made[:20] == bytes(range(20)) or made[-20:] == bytes(range(180, 200)),
        ),
        (changed_json, b'{"a": [1, {"b": "x"}], "c": null}', lambda made: b'"c"' in made),
        (changed_table, b"path,label\na.png,glioma\nb.png,no\n", lambda made: b"path,label" in made),
    ],
)
def test_mutants_differ_from_a_sound_file_and_are_near_it(
    change: Callable[..., st.SearchStrategy[bytes]], sound: bytes, is_near: Callable[[bytes], bool]
) -> None:
    made = set()

    @given(change(sound))
    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    def collect(mutant: bytes) -> None:
        made.add(mutant)

    collect()
    assert len(made - {sound}) > 20 and sum(map(is_near, made)) > 4
