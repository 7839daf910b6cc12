"""What notebooks call: `begin` in the import cell, `run_folder` before training, `record_results` in the last cell."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.errors import NotebookError
from braintumor_tf.files import write_json
from braintumor_tf.runs import LADDER_SETTINGS, LOCK, writing_to


def record_results(out: str | Path, notebook: str, results: Mapping[str, Any]) -> Path:
    """Writes what a notebook found to ``OUT/<notebook>.json``; the last cell of every notebook calls it.

    Args:
        out: the notebook's ``OUT``.
        notebook: its name, such as ``"00_quickstart"``.
        results: names and values: text, numbers (NumPy's too), True, False, None, and lists and dicts of these.

    Returns:
        The path of the file.

    Raises:
        NotebookError: a value is not finite, or of another type; the text names it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     path = record_results(out, "00_quickstart", {"images": 80})
        ...     recorded_results(out, "00_quickstart")
        {'images': 80}
    """
    results = {str(key): _recordable(value, str(key)) for key, value in results.items()}
    return write_json(Path(out) / f"{notebook}.json", results)


def recorded_results(out: str | Path, notebook: str) -> dict[str, Any]:
    """Reads what `record_results` wrote; empty where there is nothing.

    Raises:
        NotebookError: the file is not JSON.
    """
    path = Path(out) / f"{notebook}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise NotebookError(f"{path}: not JSON ({error}); run the notebook again") from error


def run_folder(out: str | Path, name: str) -> Path:
    """Returns the folder of a notebook's run, without what an earlier execution of the notebook left there.

    A finished run is never written over (`Run.create`), but a notebook is meant to be executed again. Only a folder
    that is a run or a leak ladder is removed.

    Args:
        out: the notebook's ``OUT``.
        name: of the run, beginning with the notebook's number.

    Raises:
        RunError: another process is writing to it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     run_folder(out, "00_quickstart").name
        '00_quickstart'
    """
    folder = Path(out) / name
    if any((folder / name).is_file() for name in ("config.json", LADDER_SETTINGS)):
        with writing_to(folder):
            for each in [each for each in folder.iterdir() if each.name != LOCK]:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        folder.rmdir()
    return folder


def begin() -> None:
    """Makes the project's folder the working directory and prints the environment, at the end of the import cell.

    Jupyter starts a notebook in the folder that holds it, papermill and ``braintumor-tf run`` where they are called.
    After this ``data/`` and ``models/`` are the project's in both cases. Any other working directory stays as it is.
    """
    here = Path.cwd()
    if here.name == "notebooks" and (here.parent / "braintumor_tf" / "__init__.py").is_file():
        os.chdir(here.parent)
    print(environment_line())


def environment_line() -> str:
    """Returns the versions that a result depends on, and the hardware, in one line."""
    from braintumor_tf.runs import environment

    found = environment()
    versions = [f"{name} {version}" for name, version in found["packages"].items()]
    hardware = [f"{found['cores']} cores", *found["accelerators"]]
    return " · ".join([f"Python {platform.python_version()}", *versions, *hardware])


def _recordable(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _recordable(item, f"{name}.{key}") for key, item in value.items()}
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_recordable(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotebookError(f"cannot record {name}: {value} is not finite; record None where there is no value")
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise NotebookError(f"cannot record {name}: {type(value).__name__} is neither text, number, list nor dict")
