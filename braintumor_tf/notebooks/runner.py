"""The strict papermill runner of the numbered notebooks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braintumor_tf._version import __version__
from braintumor_tf.errors import NotebookError
from braintumor_tf.notebooks.parameters import check_parameters, declared_parameters, read_notebook
from braintumor_tf.notebooks.results import recorded_results

_NUMBERED = re.compile(r"\d\d_\w+\.ipynb")


@dataclass(frozen=True)
class NotebookResult:
    """What running one notebook left behind.

    Attributes:
        name: such as ``00_quickstart``.
        notebook: the executed notebook.
        html: the page made from it, None where none was asked for.
        results: what its last cell recorded with `record_results`; empty where it recorded nothing.
        seconds: how long it ran.
        skipped: True where ``resume`` found it finished, with the same source and parameters.
    """

    name: str
    notebook: Path
    html: Path | None
    results: dict[str, Any]
    seconds: float
    skipped: bool = False


def find_notebooks(folder: str | Path | None = None) -> list[Path]:
    """Finds the numbered notebooks, ``NN_name.ipynb``, in order.

    Args:
        folder: where to look; None looks in the ``notebooks`` folder of a clone, then inside the installed package.

    Raises:
        NotebookError: there are none.

    Example:
        >>> [path.stem for path in find_notebooks()][:2]
        ['00_quickstart', '01_explore_data']
    """
    here = Path(__file__).resolve()
    folders = [here.parents[2] / "notebooks", here.parent / "numbered"] if folder is None else [Path(folder)]
    for candidate in folders:
        if found := sorted(path for path in candidate.glob("*.ipynb") if _NUMBERED.fullmatch(path.name)):
            return found
    raise NotebookError(f"{folders[-1]}: no notebooks named NN_name.ipynb; install braintumor_tf again")


def select_notebooks(names: Iterable[str | Path] = (), *, folder: str | Path | None = None) -> list[Path]:
    """Finds notebooks by name.

    Args:
        names: each a number (``"00"``), a name (``"00_quickstart"``, with or without ``.ipynb``), a group of numbers
            (``"0x"`` for 00 to 09), or the path of any notebook. Empty for all.
        folder: as in `find_notebooks`.

    Returns:
        Their paths, in the order of `names`, each once.

    Raises:
        NotebookError: a name matches nothing; the text names those that there are.

    Example:
        >>> [path.stem for path in select_notebooks(["24", "00_quickstart"])]
        ['24_calibration', '00_quickstart']
    """
    names = [os.fspath(name) for name in names]
    if not names:
        return find_notebooks(folder)
    files = [Path(name) for name in names if name.endswith(".ipynb") and Path(name).is_file()]
    numbered = find_notebooks(folder) if len(files) < len(names) else []
    chosen: dict[Path, None] = {}
    unknown = []
    for name in names:
        matches = [path for path in numbered if _matches(path, name)]
        if not matches and Path(name) in files:
            matches = [Path(name)]
        chosen.update(dict.fromkeys(matches))
        unknown += [] if matches else [name]
    if unknown:
        raise NotebookError(f"no notebook {', '.join(unknown)}; there are {', '.join(path.stem for path in numbered)}")
    return list(chosen)


def run_notebooks(
    notebooks: Sequence[str | Path],
    *,
    out: str | Path = "models",
    parameters: Mapping[str, Any] | None = None,
    dataset: str | Path | None = None,
    resume: bool = False,
    timeout: float | None = None,
    kernel: str | None = None,
    html: bool = True,
    show_progress: bool = True,
) -> list[NotebookResult]:
    """Runs notebooks one after another with papermill, strictly.

    All notebooks are checked before the first one runs. A parameter goes to the notebooks that know it; where others do
    not, a line names those that do, so that no setting is ignored in silence. One that none of them knows is refused.
    ``DATASET`` and ``OUT`` are set from `dataset` and `out`. The working directory is the current one, so that
    ``data/x`` means the same on the command line and in a notebook. A failure stops the series; what was finished
    stays.

    Args:
        notebooks: their paths, as from `select_notebooks`.
        out: the folder that receives ``NN_name.ipynb`` (executed), ``NN_name.html`` and ``NN_name.json`` (recorded
            results); the notebooks put their runs there as well.
        parameters: values by name; a text is read as the declared type, as on a command line.
        dataset: ``"synthetic"``, the name of a source, or a folder; None keeps each notebook's own.
        resume: skip a notebook that is finished in `out` with the same source, parameters and package version.
        timeout: seconds that one cell may take; None for no limit.
        kernel: name of an installed Jupyter kernel; None starts this very interpreter, whatever kernels are installed.
        html: write a page that opens offline beside each executed notebook.
        show_progress: name each notebook on standard error and show a bar of its cells.

    Returns:
        One result a notebook, in order.

    Raises:
        NotebookError: nothing to run, an unknown parameter or kernel, a value of a wrong type, a notebook without a
            parameters cell (nothing has run then); or a notebook failed, and its executed copy is kept in `out`.

    Example:
        >>> run_notebooks(select_notebooks(["00"]), out="models", parameters={"SEED": 1})  # doctest: +SKIP
    """
    try:
        from braintumor_tf.notebooks.execution import check_kernel, execute
    except ImportError as error:
        need = "pip install 'braintumor_tf[notebooks]'"
        raise NotebookError(f"running notebooks needs {error.name}, which is not installed: {need}") from error
    paths = [Path(notebook) for notebook in notebooks]
    values = _checked_values(paths, Path(out), dict(parameters or {}), dataset)
    check_kernel(kernel)
    for line in _shared_out(values, [*(parameters or {}), *([] if dataset is None else ["DATASET"])]):
        _say(line, True)
    results = []
    for number, path in enumerate(paths, 1):
        title = f"[{number}/{len(paths)}] {path.stem}"
        stamp = {"source": source_hash(path), "parameters": values[path], "version": __version__}
        result = _finished(path.stem, Path(out), stamp, html) if resume else None
        if result is None:
            _say(title, show_progress)
            start = time.monotonic()
            page, recorded = execute(
                path,
                Path(out),
                parameters=values[path],
                stamp=stamp,
                timeout=timeout,
                kernel=kernel,
                html=html,
                bar=title if show_progress else None,
            )
            result = NotebookResult(path.stem, Path(out) / path.name, page, recorded, time.monotonic() - start)
            _say(f"{title}: finished in {result.seconds:.0f} s", show_progress)
        else:
            _say(f"{title}: finished before, skipped", show_progress)
        results.append(result)
    return results


def source_hash(path: str | Path) -> str:
    """Returns a SHA-256 over the kind and source of a notebook's cells; outputs and metadata do not change it."""
    cells = [(cell.cell_type, cell.source) for cell in read_notebook(path).cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _matches(path: Path, name: str) -> bool:
    group = re.fullmatch(r"(\d)x", name)
    return path.name.startswith(group[1]) if group else name in (path.name, path.stem, path.name[:2])


def _checked_values(
    paths: Sequence[Path], out: Path, parameters: dict[str, Any], dataset: str | Path | None
) -> dict[Path, dict[str, Any]]:
    """Everything that can be refused before a notebook runs; returns each notebook's values."""
    if not paths:
        raise NotebookError("no notebooks to run")
    twice = sorted({path.stem for path in paths if [other.stem for other in paths].count(path.stem) > 1})
    if twice:
        raise NotebookError(f"{', '.join(twice)}: given twice; the results would overwrite each other")
    if str(parameters.pop("OUT", out)) != str(out):
        raise NotebookError("OUT follows from `out` (--out); give that instead")
    if dataset is not None and str(parameters.setdefault("DATASET", dataset)) != str(dataset):
        raise NotebookError(f"DATASET is given twice: {parameters['DATASET']} and {dataset}")
    declared = {path: declared_parameters(path) for path in paths}
    known = {name for each in declared.values() for name in each}
    unknown = [name for name in parameters if name not in known]
    if unknown and len(paths) > 1:
        takes = ", ".join(dict.fromkeys(name for each in declared.values() for name in each))
        raise NotebookError(f"no notebook of these has a parameter {', '.join(unknown)}; they take {takes}")
    for path in paths:
        if (out / path.name).resolve() == path.resolve():
            raise NotebookError(f"{out}: is the folder of the notebook {path.name} itself; give another one")
    values = {**parameters, "OUT": out}
    return {
        path: check_parameters(
            {name: value for name, value in values.items() if name in declared[path] or name in unknown},
            declared[path],
            path.stem,
        )
        for path in paths
    }


def _shared_out(values: Mapping[Path, Mapping[str, Any]], names: Iterable[str]) -> list[str]:
    """Says of each parameter that only some notebooks know which of them it goes to."""
    lines = []
    for name in names:
        knowing = [path.stem for path, each in values.items() if name in each]
        if len(knowing) < len(values):
            lines.append(f"{name} goes to {', '.join(knowing)}; the others have no such parameter")
    return lines


def _finished(name: str, out: Path, stamp: Mapping[str, Any], html: bool) -> NotebookResult | None:
    """The result of an earlier run, if it was finished, with this stamp, and its files are all there."""
    notebook, page = out / f"{name}.ipynb", out / f"{name}.html"
    try:
        run = read_notebook(notebook).metadata.get("braintumor_tf", {}).get("run", {})
    except NotebookError:
        return None
    if any(run.get(key) != value for key, value in stamp.items()) or (html and not page.is_file()):
        return None
    if run["recorded"] and not (out / f"{name}.json").is_file():
        return None
    recorded = recorded_results(out, name) if run["recorded"] else {}
    return NotebookResult(name, notebook, page if html else None, recorded, run["seconds"], skipped=True)


def _say(line: str, show: bool) -> None:
    if show:
        print(line, file=sys.stderr, flush=True)
