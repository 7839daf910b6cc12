"""Executing one notebook: the kernel, what counts as a failure, and the page made from it."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from papermill.execute import ERROR_MARKER_TAG

from braintumor_tf.errors import NotebookError
from braintumor_tf.files import write_text
from braintumor_tf.notebook_parameters import read_notebook
from braintumor_tf.notebook_results import recorded_results

OFFLINE_PAGE = """{% extends 'lab/index.html.j2' %}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
.jp-InputPrompt, .jp-OutputPrompt { display: none; }
.jp-RenderedHTMLCommon, .jp-OutputArea-output, .jp-InputArea-editor pre { overflow-x: auto; }
.jp-OutputArea-output img { max-width: 100%; height: auto; }
</style>
{%- endblock -%}
"""
"""JupyterLab's page without the scripts that it would fetch from the network, in a column that also fits a phone."""

_BADGE = re.compile(r"\[!\[[^\]]*\]\(https?://[^)]*\)\]\([^)]*\)")  # a badge is a picture on the network, with a link


class _ThisInterpreter(AsyncKernelManager):
    """Starts IPython in the interpreter that runs this, whatever a kernel named ``python3`` here points to."""

    @property
    def kernel_spec(self) -> KernelSpec:
        package = str(Path(__file__).resolve().parents[1])
        search_path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        environment = {"PYTHONPATH": search_path, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        # Below this level it remarks on TCP at every start and on the interrupt at every end.
        quiet = ["--log-level=CRITICAL"]
        return KernelSpec(**get_kernel_dict(extra_arguments=quiet), env=environment)


def check_kernel(kernel: str | None) -> None:
    """Refuses the name of a kernel that is not installed.

    Raises:
        NotebookError: there is no such kernel; the text names those that there are.
    """
    if kernel is None:
        return
    manager = KernelSpecManager()
    try:
        manager.get_kernel_spec(kernel)
    except NoSuchKernel:
        raise NotebookError(f"no kernel {kernel}; there are {', '.join(sorted(manager.find_kernel_specs()))}") from None


def execute(
    path: Path,
    out: Path,
    parameters: Mapping[str, Any],
    stamp: Mapping[str, Any],
    timeout: float | None = None,
    kernel: str | None = None,
    html: bool = True,
    bar: str | None = None,
) -> tuple[Path | None, dict[str, Any]]:
    """Executes one notebook and moves it, complete, to `out`.

    It runs in a temporary folder inside `out`, so that ``out/NN_name.ipynb`` is never half written, and an interruption
    (Ctrl-C) leaves what an earlier run put there.

    Args:
        path: the notebook.
        out: the folder for the executed notebook and its page.
        parameters: values to inject, checked.
        stamp: what identifies this run to a later `resume`; kept in the notebook's metadata if it succeeds.
        timeout: seconds for one cell.
        kernel: name of an installed kernel; None for this interpreter.
        html: whether to write the page.
        bar: text in front of the progress bar; None for no bar.

    Returns:
        The path of the page, if asked for, and what the notebook recorded.

    Raises:
        NotebookError: the notebook failed; the text names the cell and the error, and the executed copy is in `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = _modified(out / f"{path.stem}.json")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".running-", dir=out) as folder:
        working = Path(folder).resolve() / path.name
        nbformat.write(_with_kernel(read_notebook(path), kernel), str(working))
        failure = _run(working, parameters, timeout, kernel, bar)
        notebook = read_notebook(working)
    failure = failure or _silent_exit(notebook)
    recorded = failure is None and _modified(out / f"{path.stem}.json") != before
    if not recorded:
        (out / f"{path.stem}.json").unlink(missing_ok=True)  # of an earlier run, or of one that failed afterwards
    notebook.metadata.papermill.update(input_path=path.name, output_path=path.name)
    if failure is None:
        run = {**stamp, "recorded": recorded, "seconds": round(time.monotonic() - start, 1)}
        notebook.metadata["braintumor_tf"] = {**notebook.metadata.get("braintumor_tf", {}), "run": run}
    write_text(out / path.name, nbformat.writes(notebook))
    (out / path.name).with_suffix(".html").unlink(missing_ok=True)
    page = write_page(out / path.name) if html else None
    if failure is not None:
        raise NotebookError(f"{path.stem} failed in {failure}; the executed copy is {out / path.name}")
    return page, recorded_results(out, path.stem) if recorded else {}


def write_page(notebook: str | Path) -> Path:
    """Writes an executed notebook as one HTML file beside it, which opens offline, and returns its path."""
    from nbconvert import HTMLExporter

    notebook = Path(notebook)
    content = read_notebook(notebook)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = _BADGE.sub("", cell.source)
    exporter = HTMLExporter(raw_template=OFFLINE_PAGE, embed_images=True)
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem, "path": str(notebook.parent)}})
    return write_text(notebook.with_suffix(".html"), page)


def _run(
    working: Path, parameters: Mapping[str, Any], timeout: float | None, kernel: str | None, bar: str | None
) -> str | None:
    """Executes a notebook in place; returns where and why it failed, None if papermill saw no failure."""
    in_place = str(working).replace("{", "{{").replace("}", "}}")  # papermill formats paths with the parameters
    options = {} if kernel else {"kernel_manager_class": _ThisInterpreter}
    logger = logging.getLogger("papermill")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it logs what is raised here anyway, and doubts parameters that were checked
    try:
        papermill.execute_notebook(
            in_place,
            in_place,
            parameters=dict(parameters),
            kernel_name=kernel or "python3",
            language="python",
            cwd=str(Path.cwd()),
            execution_timeout=timeout,
            progress_bar=False if bar is None else {"desc": bar, "leave": False, "file": sys.stderr},
            **options,
        )
    except PapermillExecutionError as error:
        what = f"{error.ename}: {_one_line(error.evalue)}" if error.evalue else error.ename
        cells = _own_cells(read_notebook(working))
        failed = [cell for cell in cells if any(output.output_type == "error" for output in cell.get("outputs", []))]
        return f"{_where(cells, failed[-1] if failed else None)}: {what}"
    except CellTimeoutError:
        return f"{_last_started(working)}: took longer than the time-out of {timeout:g} s"
    except DeadKernelError:
        return f"{_last_started(working)}: the kernel died, most often for want of memory"
    except RuntimeError as error:  # jupyter_client: "Kernel died before replying to kernel_info"
        return f"starting its kernel: {_one_line(error)}"
    finally:
        logger.setLevel(level)
    return None


def _silent_exit(notebook: nbformat.NotebookNode) -> str | None:
    """Where a notebook ended early without an error, as ``sys.exit(0)`` does, which papermill takes for success."""
    cells = _own_cells(notebook)
    for cell in cells:
        if any(output.get("ename") == "SystemExit" for output in cell.get("outputs", [])):
            return f"{_where(cells, cell)}: left early (sys.exit), the cells after it were not run"
    for cell in cells:
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            return f"{_where(cells, cell)}: was not run, the kernel stopped before it"
    return None


def _last_started(working: Path) -> str:
    cells = _own_cells(read_notebook(working))
    started = [
        cell for cell in cells if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return _where(cells, started[-1] if started else None)


def _own_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells as the author numbered them, without those that papermill adds."""
    added = {ERROR_MARKER_TAG, "injected-parameters"}
    return [cell for cell in notebook.cells if not added & set(cell.metadata.get("tags", []))]


def _where(cells: list[nbformat.NotebookNode], cell: nbformat.NotebookNode | None) -> str:
    if cell is None:
        return "a cell that papermill added"
    line = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {cells.index(cell) + 1} of {len(cells)} (`{line[:80]}`)"


def _with_kernel(notebook: nbformat.NotebookNode, kernel: str | None) -> nbformat.NotebookNode:
    """Names a kernel in a notebook that names none; papermill and nbconvert refuse it otherwise."""
    notebook.metadata["kernelspec"] = {
        "name": kernel or "python3",
        "display_name": kernel or "Python 3",
        "language": "python",
    }
    notebook.metadata.setdefault("language_info", {"name": "python"})
    return notebook


def _modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None


def _one_line(text: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", str(text))).strip()[:300]
