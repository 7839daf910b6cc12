"""Ctrl-C ends a command at once, also where it is lost in a library, and the command says how to go on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.cli import train as train_command
from braintumor_tf.cli._output import resuming_words
from braintumor_tf.files import atomic_path
from braintumor_tf.interrupts import EXIT_CODE, interruptible
from tests.calling import call

SAID = "braintumor-tf: interrupted, what was finished is kept; go on with: braintumor-tf "


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


# === What is said ===


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_command_that_was_interrupted_says_the_same_words_again(monkeypatch):
    monkeypatch.setattr("braintumor_tf.datasets.find_dataset", interrupt)
    result = call("audit", "a folder", "--no-link")
    assert result.exit_code == EXIT_CODE == 130
    assert last_line(result.stderr) == SAID + "audit 'a folder' --no-link"
    assert "Aborted" not in result.output and "Traceback" not in result.output


def test_a_training_says_resume_once_there_is_something_to_resume(tmp_path, monkeypatch):
    words = ["train", "--model", "CNN", "--dataset", "x", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(train_command, "_start", interrupt)
    assert last_line(call(*words).stderr) == SAID + shlex.join(words)

    def begin(**_: object) -> None:
        (tmp_path / "run").mkdir(exist_ok=True)
        for name in ("config.json", "manifest.csv"):
            (tmp_path / "run" / name).write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "_start", begin)
    result = call(*words)
    assert result.exit_code == 130 and last_line(result.stderr) == f"{SAID}train --resume {tmp_path / 'run'}"


def test_a_ladder_is_resumed_as_a_ladder(tmp_path):
    assert resuming_words(tmp_path, ladder=True) is None
    for name in ("ladder_settings.json", "manifest.csv"):
        (tmp_path / name).write_text("{}")
    assert resuming_words(tmp_path, ladder=True) == ["train", "--ladder", "--resume", str(tmp_path)]
    assert resuming_words(tmp_path, ladder=False) is None


def test_notebooks_are_resumed(monkeypatch):
    pytest.importorskip("papermill")
    monkeypatch.setattr("braintumor_tf.notebooks.runner.run_notebooks", interrupt)
    assert last_line(call("run", "00").stderr) == SAID + "run 00 --resume"
    assert last_line(call("run", "00", "--resume").stderr) == SAID + "run 00 --resume"


def test_an_error_that_a_library_makes_of_ctrl_c_is_not_shown():
    with interruptible(["audit", "x"]) as watch:
        watch._seen.set()
        assert watch.seen and watch.line == SAID + "audit x"
        watch._seen.clear()


def test_an_open_file_is_removed_where_the_process_is_ended(tmp_path):
    from braintumor_tf import files

    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        files.remove_open_files()
        assert not list(tmp_path.iterdir())
        temporary.write_text("whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


# === Real processes ===


def stop(program: str, *words: object, ready: str, within: float) -> tuple[int, float, str]:
    """Runs a program, sends Ctrl-C when it has printed `ready`, and returns its exit code, seconds and what it says."""
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's job ignores it
    process = subprocess.Popen(
        [sys.executable, "-c", begin + textwrap.dedent(program), *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        assert any(line.strip() == ready for line in process.stdout), process.stderr.read()
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=within)[1]
    finally:
        process.kill()
    return process.returncode, time.monotonic() - started, errors.strip()


@pytest.mark.skipif(os.name == "nt", reason="sends a signal of POSIX")
def test_ctrl_c_that_is_lost_ends_the_process_all_the_same(tmp_path):
    """As TensorFlow loses it while it traces: what was raised in a callback goes no further."""
    program = """
        import sys, time
        from pathlib import Path
        from braintumor_tf.cli.main import main
        from braintumor_tf.files import atomic_path
        import braintumor_tf.datasets

        def find_dataset(name, **_):
            with atomic_path(name + "/half.txt") as path:
                path.write_text("half")
                print("ready", flush=True)
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    Lost()
                    time.sleep(0.01)

        class Lost:
            def __del__(self):
                end = time.monotonic() + 0.1
                while time.monotonic() < end:
                    pass

        braintumor_tf.datasets.find_dataset = find_dataset
        main(["audit", sys.argv[1]])
    """
    code, seconds, text = stop(program, tmp_path, ready="ready", within=30)
    assert code == 130 and text == f"{SAID}audit {tmp_path}"  # and nothing of the interruption that was lost
    assert seconds < 15  # of 60; without other work on the machine it is one
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="sends a signal of POSIX")
def test_threads_are_not_waited_for_and_the_next_audit_goes_on(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "set" / ("glioma", "no_tumor")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
    program = """
        import sys, time
        from braintumor_tf.cli.main import main
        from braintumor_tf.datasets import manifest

        describe = manifest.describe
        def slow(path, data):
            if path.endswith("5.png"):
                print("ready", flush=True)
                time.sleep(60)
            return describe(path, data)

        manifest.describe = slow
        main(["audit", sys.argv[1], "--no-link"])
    """
    code, seconds, text = stop(program, tmp_path / "set", ready="ready", within=30)
    assert code == 130 and seconds < 15 and last_line(text) == f"{SAID}audit {tmp_path / 'set'} --no-link"
    assert call("audit", tmp_path / "set", "--no-link").exit_code == 0
