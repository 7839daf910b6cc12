"""Tiny notebooks as files, and the call that runs them."""

from __future__ import annotations

from pathlib import Path

import nbformat

from braintumor_tf.notebooks.runner import run_notebooks

PARAMETERS = """DATASET: str = "synthetic"  # where the images come from
OUT: str = "models"  # where results go
EPOCHS: int = 2  # passes over the data
RATE = 0.5  # a=b in a comment
BOXES: list[int] = [1, 2]  # sizes
NOTE: str | None = None  # free text with = in it
FAST: bool = True"""
RECORD = """from braintumor_tf.notebooks import record_results
record_results(OUT, NAME, {"epochs": EPOCHS, "dataset": DATASET})"""


def write(folder: Path, name: str, *cells: str, parameters: str | None = PARAMETERS, kernelspec: bool = True) -> Path:
    """Writes a notebook of a parameters cell, the given code cells, and one that records."""
    notebook = nbformat.v4.new_notebook()
    if kernelspec:
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells.append(nbformat.v4.new_markdown_cell(f"# {name}"))
    if parameters is not None:
        notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    sources = [*cells, RECORD.replace("NAME", repr(name))]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, str(folder / f"{name}.ipynb"))
    return folder / f"{name}.ipynb"


def run(paths: list[Path], out: Path, **options) -> list:
    return run_notebooks(paths, out=out, show_progress=False, **{"html": False, **options})
