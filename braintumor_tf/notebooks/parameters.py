"""What a notebook's ``parameters`` cell declares, and checking values against it."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from braintumor_tf.errors import NotebookError

_EXPECTED = {
    "int": "a whole number",
    "float": "a finite number",
    "bool": "true or false",
    "str": "text",
    "list": "a list in JSON",
    "dict": "an object in JSON",
    "None": "a value that JSON can hold",
}
_TYPE = re.compile(r"(int|float|bool|str|dict|list(\[(int|float|bool|str)\])?)( \| None)?|None")


@dataclass(frozen=True)
class Parameter:
    """One line of a ``parameters`` cell.

    Attributes:
        name: as written, such as ``EPOCHS``.
        type: its annotation, else the type of its default: ``int``, ``float``, ``bool``, ``str``, ``list``,
            ``list[int]``, ``dict``, each possibly followed by ``| None``; ``None`` takes any value.
        default: the literal.
        help: the comment at the end of its line, without the ``#``; empty where there is none.
    """

    name: str
    type: str
    default: Any
    help: str = ""


def read_notebook(path: str | Path) -> nbformat.NotebookNode:
    """Reads a notebook in the current format.

    Raises:
        NotebookError: there is no such file, or it is not a notebook.
    """
    try:
        return nbformat.read(str(path), as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except Exception as error:  # nbformat raises a different type for each way in which a file is not a notebook
        raise NotebookError(f"{path}: not a Jupyter notebook ({' '.join(str(error).split())[:200]})") from error


def parameters_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Returns the first code cell tagged ``parameters``, None if there is none."""
    tagged = (
        cell for cell in notebook.cells if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", [])
    )
    return next(tagged, None)


def declared_parameters(path: str | Path) -> dict[str, Parameter]:
    """Reads which parameters a notebook takes.

    The cell is read as Python. Papermill's ``inspect_notebook`` reads it line by line with a regular expression, which
    misses every line whose value holds ``=``.

    Args:
        path: the notebook.

    Returns:
        The parameters by name, in their order.

    Raises:
        NotebookError: the file is not a notebook, has no cell tagged ``parameters``, or that cell holds anything other
            than assignments of literals.
    """
    cell = parameters_cell(read_notebook(path))
    if cell is None:
        raise NotebookError(f"{path}: has no cell tagged `parameters`; tag the cell that sets them")
    try:
        statements = ast.parse(cell.source).body
        comments = _comments(cell.source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookError(f"{path}: its parameters cell is not valid Python ({error})") from error
    declared = (_parameter(statement, comments, path) for statement in statements)
    return {parameter.name: parameter for parameter in declared}


def check_parameters(values: Mapping[str, Any], declared: Mapping[str, Parameter], notebook: str) -> dict[str, Any]:
    """Checks values against what a notebook declares, and reads those given as text.

    Args:
        values: by name. A text for a parameter of another type is read as on a command line: ``"3"`` for an int,
            ``"true"`` for a bool, JSON for a list or a dict, ``"none"`` where None is allowed.
        declared: of `declared_parameters`.
        notebook: its name, for errors.

    Returns:
        The values in plain JSON types, ready to be injected.

    Raises:
        NotebookError: a name is not declared or a value does not fit its type.

    Example:
        >>> check_parameters({"EPOCHS": "3"}, {"EPOCHS": Parameter("EPOCHS", "int", 2)}, "11_scratch_cnn")
        {'EPOCHS': 3}
    """
    unknown = [name for name in values if name not in declared]
    if unknown:
        raise NotebookError(
            f"{notebook}: unknown parameter {', '.join(unknown)}; it takes {', '.join(declared) or 'none'}"
        )
    return {name: convert(value, declared[name], notebook) for name, value in values.items()}


def convert(value: Any, parameter: Parameter, notebook: str) -> Any:
    """Returns `value` as the type of `parameter`.

    Raises:
        NotebookError: it does not fit; the text names the notebook, the parameter, the value and what is expected.

    Example:
        >>> convert("[1, 2]", Parameter("SIZES", "list[int]", []), "11_scratch_cnn")
        [1, 2]
    """
    kind, _, optional = parameter.type.partition(" | ")
    try:
        plain = _plain(value)
        if optional and (plain is None or (isinstance(plain, str) and plain.lower() in ("none", "null"))):
            return None
        if isinstance(plain, str) and kind not in ("str", "None"):
            plain = _parse(plain, kind)
        return json.loads(json.dumps(_typed(plain, kind), allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        expected = _EXPECTED[kind.partition("[")[0]]
        raise NotebookError(
            f"{notebook}: {parameter.name} must be {expected} ({parameter.type}), not {value!r}"
        ) from None


def _parse(text: str, kind: str) -> Any:
    if kind == "bool":
        return {"true": True, "false": False}.get(text.strip().lower())
    if kind in ("int", "float"):
        return int(text) if kind == "int" else float(text)
    return json.loads(text)


def _typed(value: Any, kind: str) -> Any:
    """Returns `value` if it is of that type (a whole number also passes for a float), else raises TypeError."""
    if kind == "None":
        return value
    kind, _, element = kind.rstrip("]").partition("[")
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    allowed = {"int": int, "float": float, "bool": bool, "str": str, "list": (list, tuple), "dict": dict}[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind != "bool"):
        raise TypeError(kind)
    return [_typed(item, element) for item in value] if element else value


def _plain(value: Any) -> Any:
    """Turns a path into its text and a NumPy scalar into its number, without importing NumPy."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _parameter(statement: ast.stmt, comments: Mapping[int, str], path: str | Path) -> Parameter:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
        name, annotation = statement.target.id, ast.unparse(statement.annotation)
    elif (
        isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    ):
        name, annotation = statement.targets[0].id, ""
    else:
        raise NotebookError(
            f"{path}: its parameters cell may only hold assignments, not `{ast.unparse(statement)[:60]}`"
        )
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        raise NotebookError(
            f"{path}: parameter {name} must be a literal, not `{ast.unparse(statement.value)}`"
        ) from None
    kind = annotation.strip("'\"") or ("None" if default is None else type(default).__name__)
    if not _TYPE.fullmatch(kind):
        raise NotebookError(f"{path}: parameter {name} has the type {kind}; use int, float, bool, str, list or dict")
    return Parameter(name, kind, default, comments.get(statement.end_lineno, ""))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ").strip() for token in tokens if token.type == tokenize.COMMENT}
