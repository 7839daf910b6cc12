"""Executing one notebook: the kernel, and what counts as a failure."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

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
from braintumor_tf.interrupts import end_children
from braintumor_tf.notebooks.page import tidy_outputs, write_page
from braintumor_tf.notebooks.parameters import read_notebook
from braintumor_tf.notebooks.results import recorded_results


def _this_interpreter(log: IO[bytes]) -> type[AsyncKernelManager]:
    """Makes the manager of a kernel that is this interpreter, whatever a kernel named ``python3`` here points to.

    Args:
        log: receives what the kernel's process writes to standard error past the notebook, as TensorFlow does.
    """

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            package = str(Path(__file__).resolve().parents[2])
            environment = {
                "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "PYTHONWARNINGS": "ignore:IProgress not found",  # of tqdm, without the widgets of Jupyter
                "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),  # absent GPUs are errors to it
            }
            return KernelSpec(**get_kernel_dict(), env=environment)

        async def start_kernel(self, **options: Any) -> None:
            await super().start_kernel(**{"stderr": log, **options})

    return ThisInterpreter


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
    *,
    parameters: Mapping[str, Any],
    stamp: Mapping[str, Any],
    timeout: float | None,
    kernel: str | None,
    html: bool,
    bar: str | None,
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
        notebook = tidy_outputs(read_notebook(working))
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


def _run(
    working: Path, parameters: Mapping[str, Any], timeout: float | None, kernel: str | None, bar: str | None
) -> str | None:
    """Executes a notebook in place; returns where and why it failed, None if papermill saw no failure."""
    in_place = str(working).replace("{", "{{").replace("}", "}}")  # papermill formats paths with the parameters
    log = working.with_suffix(".log")
    try:
        with log.open("wb") as stream, _quiet(logging.getLogger("papermill")):
            _in_a_thread(
                papermill.execute_notebook,
                in_place,
                in_place,
                parameters=dict(parameters),
                kernel_name=kernel or "python3",
                language="python",
                cwd=str(Path.cwd()),
                execution_timeout=timeout,
                coalesce_streams=True,  # else the page shows every state of a progress bar
                progress_bar=False if bar is None else {"desc": bar, "leave": False, "file": sys.stderr},
                **({} if kernel else {"kernel_manager_class": _this_interpreter(stream)}),
            )
    except PapermillExecutionError as error:
        what = f"{error.ename}: {_one_line(error.evalue)}" if error.evalue else error.ename
        cells = _own_cells(read_notebook(working))
        failed = [cell for cell in cells if any(output.output_type == "error" for output in cell.get("outputs", []))]
        return f"{_where(cells, failed[-1] if failed else None)}: {what}"
    except CellTimeoutError:
        return f"{_last_started(working)}: took longer than the time-out of {timeout:g} s"
    except DeadKernelError:
        return f"{_last_started(working)}: the kernel died, most often for want of memory{_last_line(log)}"
    except RuntimeError as error:  # jupyter_client: "Kernel died before replying to kernel_info"
        return f"starting its kernel: {_one_line(error)}{_last_line(log)}"
    return None


def _in_a_thread(function: Callable[..., Any], *words: Any, **options: Any) -> None:
    """Calls a function in a thread of its own, where nbclient leaves Ctrl-C alone; at Ctrl-C the kernel is ended.

    In the main thread nbclient takes Ctrl-C for itself, and what it makes of it looks like a kernel that died.
    """
    pool = ThreadPoolExecutor(1)
    work = pool.submit(function, *words, **options)
    try:
        work.result()
    except KeyboardInterrupt:
        end_children()
        wait([work], timeout=0.5)  # so that it writes nothing into a folder that is being removed
        raise
    finally:
        pool.shutdown(wait=False)  # after Ctrl-C papermill has nothing to do that is worth waiting for


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silences papermill: it logs what is raised here anyway, and doubts parameters that have been checked."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _last_line(log: Path) -> str:
    """What the kernel's process wrote last to its standard error, in brackets; empty where it wrote nothing."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if "IPKernelApp" not in line]  # remarks on TCP and on interrupts
    return f" (its last words: {_one_line(lines[-1])})" if lines else ""


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
