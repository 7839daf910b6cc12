"""The strict notebook runner, on tiny notebooks that import nothing heavy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from braintumor_tf.errors import NotebookError
from braintumor_tf.notebooks.results import begin, record_results, run_folder
from braintumor_tf.notebooks.runner import find_notebooks, run_notebooks, select_notebooks
from tests.notebooks.written import run, write

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out {odd}"


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("10_study", "01_second", "00_first", "notes"):
        write(tmp_path / "notebooks", name)
    return tmp_path / "notebooks"


def test_find_takes_numbered_notebooks_in_order(folder):
    assert [path.stem for path in find_notebooks(folder)] == ["00_first", "01_second", "10_study"]
    with pytest.raises(NotebookError, match="no notebooks"):
        find_notebooks(folder.parent)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["00_first", "01_second", "10_study"]),
        (["01"], ["01_second"]),
        (["10_study", "00_first.ipynb"], ["10_study", "00_first"]),
        (["0x"], ["00_first", "01_second"]),
        (["0x", "01"], ["00_first", "01_second"]),
    ],
)
def test_select_by_number_name_and_group(folder, names, expected):
    assert [path.stem for path in select_notebooks(names, folder=folder)] == expected


def test_select_takes_any_notebook_by_path(folder):
    assert select_notebooks([folder / "notes.ipynb"], folder=folder) == [folder / "notes.ipynb"]


def test_select_refuses_what_is_not_there(folder):
    with pytest.raises(NotebookError, match="no notebook 07, 9x; there are 00_first, 01_second, 10_study"):
        select_notebooks(["00", "07", "9x"], folder=folder)


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_notebook_runs_in_this_interpreter_and_folder_and_leaves_a_page(tmp_path, out, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(_misleading_kernel(tmp_path)))
    cell = f"import os, sys\nassert sys.executable == {sys.executable!r}\nassert os.getcwd() == {str(tmp_path)!r}"
    path = write(tmp_path, "00_a", cell, kernelspec=False)
    before = path.read_bytes()

    (result,) = run_notebooks([path], out=out, parameters={"EPOCHS": "7"}, dataset="data/x")

    assert result.results == {"epochs": 7, "dataset": "data/x"}
    assert json.loads((out / "00_a.json").read_text()) == result.results
    assert sorted(item.name for item in out.iterdir()) == ["00_a.html", "00_a.ipynb", "00_a.json"]
    assert path.read_bytes() == before
    page = result.html.read_text(encoding="utf-8")
    assert "<title>00_a</title>" in page
    assert "<script" not in page and "https://cdn" not in page
    errors = capfd.readouterr().err
    assert "[1/1] 00_a: finished in" in errors
    assert "WARNING" not in errors and "Unable to parse" not in errors


def _misleading_kernel(folder: Path) -> Path:
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["/nonexistent/python"], "display_name": "x", "language": "python"}))
    return folder / "jupyter"


def test_resume_skips_only_what_is_finished_and_unchanged(tmp_path, out):
    path = write(tmp_path, "00_a")
    first = run([path], out, parameters={"EPOCHS": 1})[0]
    again = run([path], out, parameters={"EPOCHS": "1"}, resume=True)[0]
    assert (first.skipped, again.skipped, again.results) == (False, True, first.results)
    assert not run([path], out, parameters={"EPOCHS": 3}, resume=True)[0].skipped
    write(tmp_path, "00_a", "1 + 1")
    assert not run([path], out, parameters={"EPOCHS": 3}, resume=True)[0].skipped
    (out / "00_a.json").unlink()
    assert not run([path], out, parameters={"EPOCHS": 3}, resume=True)[0].skipped


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        ("# why\n1 / 0", {}, r"cell 3 of 5 \(`# why`\): ZeroDivisionError: division by zero"),
        ("x = = 1", {}, r"cell 3 of 5 \(`x = = 1`\): SyntaxError"),
        ("import os\nos.write(2, b'no room')\nos._exit(1)", {}, r"cell 3 of 5 \(`import os`\): the kernel died"),
        ("import time\ntime.sleep(60)", {"timeout": 1}, r"cell 3 of 5 \(`import time`\): .* time-out of 1 s"),
        ("import sys\nsys.exit(0)", {}, r"cell 3 of 5 \(`import sys`\): left early"),
        ("import sys\nsys.exit(3)", {}, r"cell 3 of 5 \(`import sys`\): SystemExit: 3"),
        ("exit()", {}, r"cell \d of 5 .*(kernel|left early)"),
    ],
)
def test_every_failure_is_named_and_its_notebook_kept(tmp_path, out, cell, options, message):
    good, bad, never = write(tmp_path, "00_a"), write(tmp_path, "01_b", cell, "2"), write(tmp_path, "02_c")
    paths = [good, bad, never] if "1 / 0" in cell else [bad]
    with pytest.raises(NotebookError, match="01_b failed in " + message) as caught:
        run(paths, out, html=True, **options)
    assert str(out / "01_b.ipynb") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(kept.source == cell for kept in nbformat.read(str(out / "01_b.ipynb"), 4).cells)
    assert (out / "01_b.html").is_file()
    assert not (out / "01_b.json").exists()
    assert (out / "00_a.ipynb").exists() == (good in paths)
    assert not (out / "02_c.ipynb").exists()
    write(tmp_path, "01_b", "1")
    if good in paths:
        assert [item.skipped for item in run(paths, out, html=True, resume=True)] == [True, False, False]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(tmp_path, out):
    touched = tmp_path / "started"
    cell = f"import pathlib, time\npathlib.Path({str(touched)!r}).write_text('x')\ntime.sleep(60)"
    paths = [write(tmp_path, "00_a"), write(tmp_path, "01_b", cell)]
    call = f"run_notebooks({[*map(str, paths)]}, out={str(out)!r}, html=False)"
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # `make test &` ignores it
    script = f"{heed}\nfrom braintumor_tf.notebooks.runner import run_notebooks\n{call}"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not touched.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in errors
    assert sorted(item.name for item in out.iterdir()) == ["00_a.ipynb", "00_a.json"]


# --- recording --------------------------------------------------------------------------------------------------------


def test_record_results_writes_plain_json(tmp_path):
    path = record_results(
        tmp_path, "00_a", {"n": np.int64(3), "scores": np.array([0.5, 1.0]), "at": Path("x"), "none": None}
    )
    assert json.loads(path.read_text()) == {"n": 3, "scores": [0.5, 1.0], "at": "x", "none": None}


@pytest.mark.parametrize("value", [float("nan"), np.inf, {"deep": [1, float("nan")]}, object(), {1, 2}])
def test_record_results_refuses_what_is_not_finite_or_not_plain(tmp_path, value):
    with pytest.raises(NotebookError, match="cannot record accuracy"):
        record_results(tmp_path, "00_a", {"accuracy": value})
    assert not (tmp_path / "00_a.json").exists()


def test_begin_leaves_the_notebooks_folder_of_a_checkout_and_no_other(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    begin()
    assert Path.cwd() == tmp_path / "notebooks"
    (tmp_path / "braintumor_tf").mkdir()
    (tmp_path / "braintumor_tf" / "__init__.py").touch()
    begin()
    assert Path.cwd() == tmp_path
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and f"Python {sys.version_info.major}." in lines[0] and "numpy" in lines[0]


def test_run_folder_removes_an_earlier_run_and_nothing_else(tmp_path):
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept.txt").touch()
    (tmp_path / "run" / "config.json").write_text("{}")
    assert not run_folder(tmp_path, "run").exists()
    assert (run_folder(tmp_path, "other") / "kept.txt").exists()


def test_importing_the_helpers_of_a_notebook_is_light():
    script = (
        "import sys; import braintumor_tf.notebooks; "
        "heavy = {'tensorflow', 'keras', 'papermill', 'nbconvert', 'sklearn', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=PROJECT)
