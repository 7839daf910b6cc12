"""What the checks of explanations find: rows of scores, as a table and as they stand in ``explanations.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from braintumor_tf.types import Score


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One row of a check: its first field says what was asked, the others what was found."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name, each score as ``{"value", "low", "high"}``."""
        return {name: value.to_dict() if isinstance(value, Score) else value for name, value in vars(self).items()}


Row = TypeVar("Row", bound=CheckRow)


@dataclass(frozen=True)
class CheckResult(Generic[Row]):
    """The rows of a check.

    Attributes:
        rows: one for each method, cover or step that was asked about; empty where the check does not apply.
    """

    rows: tuple[Row, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Row:
        """Returns the row whose first field is `name`."""
        for row in self.rows:
            if getattr(row, fields(row)[0].name) == name:
                return row
        raise KeyError(name)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each row; a score ``x`` is the columns ``x``, ``x_low`` and ``x_high``, NaN where undefined."""
        return as_table(self.to_records())

    def to_records(self) -> list[dict[str, Any]]:
        """Returns the rows as dictionaries, as they stand in ``explanations.json``."""
        return [row.to_dict() for row in self.rows]


def as_table(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Returns rows of ``explanations.json`` as a table; a score becomes three columns, and None in it NaN.

    Example:
        >>> as_table([{"shown": "whole image", "accuracy": {"value": 0.5, "low": 0.25, "high": None}}])
                 shown  accuracy  accuracy_low  accuracy_high
        0  whole image       0.5          0.25            NaN
    """
    flat = []
    for record in records:
        row: dict[str, Any] = {}
        for name, value in record.items():
            row |= Score.from_dict(value).columns(name) if isinstance(value, Mapping) else {name: value}
        flat.append({name: np.nan if value is None else value for name, value in row.items()})
    return pd.DataFrame(flat)
