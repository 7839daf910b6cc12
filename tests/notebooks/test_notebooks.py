"""Every notebook in notebooks/: its form, and one run on tiny synthetic data with a look at what it recorded.

Each notebook says in its metadata how to run it small, ``"braintumor_tf": {"smoke": {"EPOCHS": 1}, "minutes": 2}``: a
notebook that is added is found and tested without an edit here.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from braintumor_tf.datasets import BINARY_CLASSES, CLASSES, MODALITIES
from braintumor_tf.notebooks.parameters import check_parameters, declared_parameters, parameters_cell, read_notebook
from braintumor_tf.notebooks.runner import find_notebooks, run_notebooks

BADGE = "https://colab.research.google.com/github/braintumor-tf/braintumor_tf/blob/main/notebooks/{}.ipynb"
NOTEBOOKS = find_notebooks(Path(__file__).resolve().parents[2] / "notebooks")
TASKS = {"14_vision_transformer": BINARY_CLASSES, "15_modality_check": MODALITIES}
"""The classes of notebooks on another task than the four classes."""
MINUTES = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "fifteen": 15, "twenty": 20}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]


def code_lines(source: str) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in source.splitlines())


def syntax(source: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(source))


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


DIFFERENCES = ("model_above", "above_clean")
"""Entries of ``metrics.json`` that are differences of scores."""


def scores(value: Any, lowest: int = 0) -> Iterator[tuple[dict[str, float | None], int]]:
    """Yields every score with its interval, and the lowest value that it can have: differences may be negative."""
    if isinstance(value, dict):
        if {"value", "low", "high"} <= set(value):
            yield value, lowest
        for name, item in value.items():
            yield from scores(item, -1 if name in DIFFERENCES else lowest)


@each_notebook
def test_every_name_of_the_package_exists(path):
    """Also those of branches that a run on synthetic data does not take, such as an ``except``."""
    nodes = [node for cell in code_cells(path) for node in ast.walk(syntax(cell.source))]
    rooms: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "braintumor_tf" in ast.unparse(node):
            exec(ast.unparse(node), rooms)  # the import as it stands
    used = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and inspect.ismodule(rooms.get(node.value.id))
    }
    assert [f"{room}.{name}" for room, name in sorted(used) if not hasattr(rooms[room], name)] == []


@each_notebook
def test_opening(path):
    title, install, imports, parameters = read_notebook(path).cells[:4]
    assert re.match(r"# \S", title.source)
    assert "?" in title.source, "the title cell asks the question that the notebook answers"
    assert re.search(r"[Ee]xpected time.*minute", title.source)
    assert BADGE.format(path.stem) in title.source
    assert 'if "google.colab" in sys.modules:' in install.source and "%pip install" in install.source
    assert imports.source.rstrip().endswith("notebooks.begin()")
    assert parameters.metadata.get("tags") == ["parameters"]


@each_notebook
def test_the_minutes_of_the_metadata_are_those_that_the_title_promises(path):
    notebook = read_notebook(path)
    promise = re.search(r"Expected time: (?:about|under) (\w+)(?: to (\w+))? minutes?", notebook.cells[0].source)
    lowest, highest = (MINUTES[word] for word in (promise[1], promise[2] or promise[1]))
    assert lowest <= notebook.metadata["braintumor_tf"]["minutes"] <= highest


@each_notebook
def test_parameters_are_typed_and_commented(path):
    declared = declared_parameters(path)
    assert list(declared)[:3] == ["DATASET", "OUT", "SEED"]
    assert declared["DATASET"].default == "synthetic"
    assert all(isinstance(line, ast.AnnAssign) for line in ast.parse(parameters_cell(read_notebook(path)).source).body)
    assert [parameter.name for parameter in declared.values() if len(parameter.help) < 10] == []
    defaults = {name: parameter.default for name, parameter in declared.items()}
    assert check_parameters(defaults, declared, path.stem) == defaults
    own = read_notebook(path).metadata["braintumor_tf"]
    assert check_parameters(own["smoke"], declared, path.stem) == own["smoke"]
    assert own["minutes"] > 0


@each_notebook
def test_form(path):
    notebook, cells = read_notebook(path), code_cells(path)
    assert sum(code_lines(cell.source) for cell in cells) <= 100
    assert max(code_lines(cell.source) for cell in cells) <= 25
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for cell in cells for node in ast.walk(syntax(cell.source)) if isinstance(node, definitions)]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert notebook.cells[-1].id == cells[-1].id, "the last cell records results"
    assert f'notebooks.record_results(OUT,"{path.stem}",' in re.sub(r"\s", "", cells[-1].source)
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words >= 150, "a notebook explains what it does"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in NOTEBOOKS]
)
def test_runs_on_tiny_synthetic_data(path, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    smoke = read_notebook(path).metadata["braintumor_tf"]["smoke"]

    (result,) = run_notebooks(
        [path], out="out", parameters=smoke, dataset="synthetic", timeout=600, show_progress=False
    )

    recorded = result.results
    assert recorded["dataset"] == "synthetic"
    assert recorded["images"] > 0
    assert tuple(recorded["classes"]) == TASKS.get(path.stem, CLASSES)
    assert all(math.isfinite(number) for number in numbers(recorded))
    for score, lowest in scores(recorded):
        if score["low"] is not None:  # there is none of a class that a single group has
            assert lowest <= score["low"] <= score["value"] <= score["high"] <= 1
    for run in recorded.get("runs", []):
        assert Path(run, "metrics.json").is_file()
    if "report" in recorded:
        assert Path(recorded["report"]).is_file()
    if path.stem.startswith(("00", "1")):
        found = [score for score, _ in scores(recorded) if score["low"] is not None]
        assert found, "a model's notebook records scores with their intervals"
    assert "<script" not in result.html.read_text(encoding="utf-8")
