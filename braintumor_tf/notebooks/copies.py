"""Copies of the numbered notebooks in a folder of the user's own, and what each is about."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from braintumor_tf.errors import NotebookError
from braintumor_tf.files import atomic_path
from braintumor_tf.notebooks.parameters import read_notebook


def copy_notebooks(notebooks: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Copies notebooks into a folder, where they can be opened, changed and run.

    Args:
        notebooks: their paths, as from `select_notebooks`.
        folder: where they go; it is made where it is not there.

    Returns:
        The copies, in order.

    Raises:
        NotebookError: a file of that name is there already, or the folder cannot be written; nothing is copied then.

    Example:
        >>> copy_notebooks(select_notebooks(["00"]), "my_notebooks")  # doctest: +SKIP
    """
    folder = Path(folder)
    taken = [path.name for path in map(Path, notebooks) if os.path.lexists(folder / path.name)]
    if taken:
        raise NotebookError(f"{folder}: has {', '.join(taken)} already; name another folder, or move them away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotebookError(f"{folder}: cannot be made ({error.strerror}); name another folder") from error
    copies = []
    for path in map(Path, notebooks):
        with atomic_path(folder / path.name) as temporary:
            temporary.write_bytes(path.read_bytes())
        copies.append(folder / path.name)
    return copies


def describe_notebook(path: str | Path) -> dict[str, Any]:
    """Returns the name of a notebook, its title, and the minutes that it takes on two cores, None where not known.

    Raises:
        NotebookError: the file is not a notebook.

    Example:
        >>> from braintumor_tf.notebooks.runner import select_notebooks
        >>> describe_notebook(select_notebooks(["00"])[0])
        {'name': '00_quickstart', 'title': 'The whole pipeline, once, in small', 'minutes': 1}
    """
    notebook = read_notebook(path)
    first = notebook.cells[0].source.partition("\n")[0] if notebook.cells else ""
    title = first.lstrip("# ").rpartition(" · ")[2]
    return {
        "name": Path(path).stem,
        "title": title,
        "minutes": notebook.metadata.get("braintumor_tf", {}).get("minutes"),
    }
