"""A full disk: the error names the file, nothing that was finished is lost, and nothing half-written looks whole."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment.image_cache import ImageCache
from braintumor_tf.datasets import write_synthetic
from braintumor_tf.errors import UnwrittenFile
from braintumor_tf.evaluation.prediction.ensemble_file import keep_members
from braintumor_tf.files import atomic_path, write_csv, write_text
from braintumor_tf.report.pages import report
from braintumor_tf.runs import Run
from braintumor_tf.runs.readers import check_files
from tests.calling import call
from tests.faults.damages import made_run
from tests.training.toy import toy_manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def contents(folder: Path) -> dict[str, str]:
    """Returns a hash of every file below a folder; none of a model, which holds addresses, and of what has its hash."""
    found = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    found = {path: gzip.decompress(content) if path.suffix == ".gz" else content for path, content in found.items()}
    names = ("model.skops", "model.sha256", "ensemble.json")
    return {
        path.relative_to(folder).as_posix(): "" if path.name in names else hashlib.md5(content).hexdigest()
        for path, content in found.items()
    }


@contextmanager
def full_at(number: int) -> Iterator[list[str]]:
    """Makes the disk full when the file of that number is written, half of which arrives; lists what was written."""
    written: list[str] = []
    replace = os.replace

    def put(source: Path, target: Path) -> None:
        if len(written) == number:
            written.append(str(target))
            content = Path(source).read_bytes()
            Path(source).write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(str(target))
        replace(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", put)
        yield written


def experiment(folder: Path, manifest: pd.DataFrame) -> Run:
    """Writes everything that a training and what follows it writes, and goes on where it stopped."""
    run = made_run(folder / "run", manifest, model="PCA", resume=True)
    whole = Run(folder / "whole")
    if not (whole.path / "ensemble.json").is_file():
        Run.resume(whole.path, {"members": ["run"]}, manifest)
        keep_members(whole, [run])
    table = run.predictions.query("split == 'test'").assign(noise="clean", severity=0)
    run.write_robustness({"name": "made"}, table)
    return run


def test_a_full_disk_at_each_step_costs_nothing_that_was_finished(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("braintumor_tf.runs.run.environment", dict)  # it names the commit, which may change meanwhile
    with full_at(-1) as steps:
        experiment(tmp_path / "never", manifest)
    expected = contents(tmp_path / "never")
    assert len(steps) > 10 and {Path(step).name for step in steps} >= {"config.json", "metrics.json", "model.skops"}
    for number, step in enumerate(steps):
        folder = tmp_path / str(number)
        with full_at(number), pytest.raises(UnwrittenFile, match="No space left on device") as caught:
            experiment(folder, manifest)
        named = re.sub(r"/\.([^/]+)\.[0-9a-f]{8}(\.\w+)$", r"/\1\2", step)  # a file that is written within another
        assert caught.value.path == named.replace(str(tmp_path / "never"), str(folder)), step
        kept = contents(folder)
        assert all(kept[name] == expected[name] for name in kept), step  # whole files alone, no leftovers
        assert len(kept) < len(expected)
        for run in (folder / "run", folder / "whole"):
            check_files(run)
        experiment(folder, manifest)
        assert contents(folder) == expected, step


def test_noise_scores_that_stood_there_outlive_those_that_do_not_fit(manifest, tmp_path):
    run = made_run(tmp_path / "run", manifest, model="PCA")
    table = run.predictions.query("split == 'test'").assign(noise="clean", severity=0)
    run.write_robustness({"name": "first"}, table)
    before = contents(run.path)
    for number in (0, 1):
        with full_at(number), pytest.raises(UnwrittenFile, match="is kept"):
            run.write_robustness({"name": "second"}, table.iloc[1:])
        assert contents(run.path) == before


def test_a_report_that_does_not_fit_leaves_the_run_and_its_old_page(manifest, tmp_path, monkeypatch):
    run = made_run(tmp_path / "run", manifest, model="PCA")
    monkeypatch.setattr(report, "write_figures", lambda *_, **__: {})
    monkeypatch.setattr(report, "render", lambda *_, **__: "a page")
    with full_at(-1) as steps:
        report.write_report(run)
    before = contents(run.path)
    monkeypatch.setattr(report, "render", lambda *_, **__: "another page")
    with full_at(len(steps) - 1), pytest.raises(UnwrittenFile) as caught:
        report.write_report(run)
    assert caught.value.path == str(run.path / "report.html") and contents(run.path) == before


def test_the_command_line_names_the_file(tmp_path, manifest, monkeypatch):
    run = made_run(tmp_path / "run", manifest, model="PCA")
    monkeypatch.setattr(report, "write_figures", lambda *_, **__: {})
    with full_at(0):
        result = call("train", "--resume", run.path)
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"braintumor-tf: {run.path}/error_analysis.csv: not written (No space left on device); ")


# === A file system that is really full ===


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Gives file systems of so many kilobytes; skips where nobody may mount one."""
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk_{kilobytes}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # a file may be open there


@pytest.mark.parametrize("kilobytes", [4, 16, 40, 100])
def test_a_small_file_system_is_full_at_some_step(manifest, tmp_path, small_disk, kilobytes):
    folder = small_disk(kilobytes)
    with pytest.raises(UnwrittenFile, match="No space left") as caught:
        for model in ("PCA", "CNN"):
            made_run(folder / model, manifest, model=model, resume=True)
    assert str(folder) in caught.value.path
    for run in folder.iterdir():
        check_files(run)
        assert not [path for path in run.iterdir() if path.name.startswith(".")], "a leftover"
        assert (run / "metrics.json").is_file() or Run(run).path.is_dir()


def test_data_sets_and_caches_name_what_does_not_fit(small_disk):
    folder = small_disk(64)
    with pytest.raises(UnwrittenFile) as caught:
        write_synthetic(folder / "set", patients_per_class=4, image_size=128, show_progress=False)
    assert caught.value.path == str(folder / "set") and not list(folder.iterdir())
    cache = ImageCache(1, memory_bytes=0, folder=folder)
    with pytest.raises(UnwrittenFile, match="braintumor_tf_.*images: not written"):
        cache.put(0, np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8))


# === One file ===


def test_errors_of_a_block_that_are_not_of_writing_are_passed_on(tmp_path):
    for error in (FileNotFoundError(errno.ENOENT, "no"), OSError("a network"), ValueError("x")):
        with pytest.raises(type(error)) as caught, atomic_path(tmp_path / "a.txt"):
            raise error
        assert caught.value is error


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(UnwrittenFile, match=r"a.txt: not written \(Permission denied\); what stood"):
        write_text(tmp_path / "a.txt", "new")
    with pytest.raises(UnwrittenFile, match="no part of it is left behind"):
        write_text(tmp_path / "b.txt", "new")


def test_what_utf_8_cannot_hold_is_written_escaped(tmp_path):
    name = os.fsdecode(b"a_\xff.png")
    assert write_text(tmp_path / "a.json", f'"{name}"').read_text() == r'"a_\udcff.png"'
    assert write_csv(tmp_path / "a.csv", pd.DataFrame({"path": [name]})).read_text() == "path\na_\\udcff.png\n"
