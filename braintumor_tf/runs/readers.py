"""The readers of a run's files: one for each kind of file, and one error for whatever is wrong with a file."""

from __future__ import annotations

import functools
import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.manifest import read_manifest
from braintumor_tf.errors import DamagedRun, DatasetError
from braintumor_tf.files import restored
from braintumor_tf.predictions_table import IMAGE_COLUMNS, PREDICTED, classes_in, probability_columns
from braintumor_tf.runs.schemas import SCHEMAS

DEEPEST = 40
"""How deep the values of a run's JSON file may be nested."""

_TEXTS = (*IMAGE_COLUMNS, PREDICTED, "noise", "stage")


class Fields(dict):
    """An object of a JSON file; a field that is asked for and is not there is damage of the file, and named."""

    file: str = ""
    place: str = ""

    def __missing__(self, key: str) -> Any:
        raise DamagedRun(self.file, f"it has no {self.place}{key}")


def read_fields(path: str | Path) -> Fields:
    """Reads a JSON file of a run.

    Args:
        path: the file; its name says what it must hold (`SCHEMAS`).

    Returns:
        Its object, and the objects in it, as `Fields`; all numbers are finite.

    Raises:
        DamagedRun: it is no JSON in UTF-8, holds something else than an object, is nested more than 40 deep, holds NaN
            or infinity, or a value of another type than its field has.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "metrics.json").write_text('{"accuracy": {"value": "high"}, "macro_f1": {"value": 1}}')
        ...     try:
        ...         read_fields(Path(folder, "metrics.json"))
        ...     except DamagedRun as error:
        ...         print(error.reason)
        accuracy.value is not a number or null
    """
    path = Path(path)
    try:
        found = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    except ValueError as error:
        raise DamagedRun(path, f"no JSON in UTF-8: {_one_line(error)}") from error
    except RecursionError as error:
        raise DamagedRun(path, f"its values are nested more than {DEEPEST} deep") from error
    if not isinstance(found, dict):
        raise DamagedRun(path, "it holds no JSON object")
    fields = _with_places(found, str(path), "", 0)
    if wrong := _wrong_type(path.name, found):
        raise DamagedRun(path, wrong)
    return fields


def read_rows(path: str | Path, *, needed: Sequence[str] = (), numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of a run.

    Args:
        path: a CSV, also one that is compressed (``.gz``).
        needed: columns that it must have.
        numbers: columns that must hold numbers, where it has them.

    Returns:
        The table; path, label, split, group, predicted, noise and stage are text, empty where nothing stands.

    Raises:
        DamagedRun: it is no CSV in UTF-8, lacks a column, or a number is none.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False)
    except (ValueError, EOFError, zlib.error, OverflowError) as error:
        raise DamagedRun(path, f"no table in UTF-8: {_one_line(error)}") from error
    except OSError as error:
        if error.errno is not None:  # not readable, which says nothing about what it holds
            raise
        raise DamagedRun(path, f"no compressed table: {_one_line(error)}") from error
    missing = [name for name in needed if name not in table]
    if missing:
        raise DamagedRun(path, f"it has no column {', '.join(missing)}")
    for name in table.columns.intersection(list(numbers)):
        try:
            table[name] = pd.to_numeric(table[name].mask(table[name] == ""))
        except (ValueError, TypeError) as error:
            raise DamagedRun(path, f"its column {name} holds something else than numbers") from error
    if "path" in table:
        table["path"] = table["path"].map(restored)
    return table


def read_predictions(path: str | Path, *, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of predictions that a run has kept.

    Args:
        path: the file.
        needed: columns that it must have beside path, label, split, group, predicted and those of probabilities.

    Raises:
        DamagedRun: it is no such table, has no rows, a probability is not a number from 0 to 1, or a label or a
            predicted class has no probability.
    """
    table = read_rows(path, needed=(*IMAGE_COLUMNS, PREDICTED, *needed), numbers=("severity", "fold"))
    classes = classes_in(table)
    if len(classes) < 2 or table.empty:
        raise DamagedRun(path, "it has no rows" if len(classes) > 1 else "it has no columns of probabilities (p_...)")
    columns = table[probability_columns(classes)]
    if not all(map(pd.api.types.is_numeric_dtype, columns.dtypes)) or not ((columns >= 0) & (columns <= 1)).all(None):
        raise DamagedRun(path, "a probability is not a number from 0 to 1")
    strange = sorted((set(table["label"]) | set(table[PREDICTED])) - set(classes))
    if strange:
        raise DamagedRun(path, f"it has no probabilities of the class {strange[0]!r}")
    return table


def read_history(path: str | Path) -> pd.DataFrame:
    """Reads the history of a training, one row an epoch.

    Raises:
        DamagedRun: it is no table, or a value other than the stage is no number.
    """
    table = read_rows(path)
    numbers = [name for name in table.columns if name != "stage"]
    return read_rows(path, needed=["epoch"], numbers=numbers)


def read_images(path: str | Path) -> pd.DataFrame:
    """Reads the manifest of a run, as `datasets.manifest.read_manifest` does.

    Raises:
        DamagedRun: it is no manifest, or has no rows.
    """
    try:
        manifest = read_manifest(path)
    except (DatasetError, ValueError) as error:
        raise DamagedRun(path, _one_line(error).removeprefix(f"{path}: ")) from error
    if manifest.empty:
        raise DamagedRun(path, "it has no rows")
    return manifest


def check_files(folder: str | Path) -> None:
    """Reads every file that a run has, but for its model, so that what is damaged is named before long work.

    Raises:
        DamagedRun: a file is damaged.
    """
    for name in SCHEMAS:
        if (Path(folder) / name).is_file():
            read_fields(Path(folder) / name)
    for name, read in _TABLES.items():
        if (Path(folder) / name).is_file():
            read(Path(folder) / name)


_TABLES = {
    "manifest.csv": read_images,
    "history.csv": read_history,
    "predictions.csv": read_predictions,
    "robustness_predictions.csv.gz": functools.partial(read_predictions, needed=("noise", "severity")),
    "leak_curve.csv": read_rows,
}


def _with_places(value: Any, file: str, place: str, depth: int) -> Any:
    """Turns the objects of a JSON value into `Fields` that know their file and their place in it."""
    if depth > DEEPEST:
        raise DamagedRun(file, f"its values are nested more than {DEEPEST} deep")
    if isinstance(value, list):
        return [_with_places(item, file, f"{place}{number}.", depth + 1) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    fields = Fields({key: _with_places(item, file, f"{place}{key}.", depth + 1) for key, item in value.items()})
    fields.file, fields.place = file, place
    return fields


def _wrong_type(name: str, found: dict[str, Any]) -> str:
    """Says which value of a file is of another type than its field has; "" where none is."""
    errors = sorted(_validator(name).iter_errors(found), key=lambda error: list(map(str, error.path)))
    if not errors:
        return ""
    error, place = errors[0], ".".join(map(str, errors[0].path))
    if error.validator == "required":
        absent = [key for key in error.validator_value if key not in error.instance]
        return f"it has no {'.'.join(filter(None, [place, absent[0]]))}"
    return f"{place} is not {_kind(error.schema)}"


@functools.cache
def _validator(name: str) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(SCHEMAS.get(name, {}))


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}


def _kind(schema: Any) -> str:
    """Names what a schema wants in a few words."""
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    types = schema.get("type", [])
    text = " or ".join(_KINDS[one] for one in ([types] if isinstance(types, str) else types))
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    bound = f" from {least}" if least is not None else ""
    return f"{text}{bound}" + (f" with {schema['minItems']} entries or more" if schema.get("minItems") else "")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no finite number")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
