"""One answer for a volume: the mean over its slices, and the slices that speak most for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from braintumor_tf.experiments.predicting.asking import ERROR, GATE, TRAINING_IMAGE
from braintumor_tf.predictions_table import PREDICTED

SLICES, TOP_SLICES = "slices", "top_slices"
"""Columns: how many slices an answer is the mean of, 1 for a picture; those that speak most for it."""

TOP = 3
"""How many slices are named as speaking most for an answer."""


class VolumeAnswers:
    """Joins the rows of slices to one row a volume, as tables of rows come in.

    Args:
        volumes: the volume of each slice, by the slice's path; a picture that is not named here stays a row.
        each_slice: whether the rows of slices are kept, before that of their volume.
    """

    def __init__(self, volumes: Mapping[str, str], *, each_slice: bool = False):
        self._volumes, self._each_slice = volumes, each_slice
        self._missing = Counter(volumes.values())
        self._waiting: dict[str, list[pd.DataFrame]] = {}

    def join(self, table: pd.DataFrame) -> pd.DataFrame:
        """Returns the rows that are finished: pictures, and volumes whose last slice is in this table.

        Args:
            table: as `predict_files` returns it, without the columns that are added here: `SLICES` and `TOP_SLICES`.
        """
        table = table.assign(**{SLICES: 1, TOP_SLICES: [()] * len(table)}).astype({SLICES: int})
        names = table["path"].map(lambda path: self._volumes.get(path, ""))
        found = []
        for _, rows in table.groupby((names != names.shift()).cumsum(), sort=False):
            name = names[rows.index[0]]
            if not name or self._each_slice:
                found.append(rows)
            if name:
                found += self._collect(name, rows)
        return pd.concat(found, ignore_index=True) if found else table[:0]

    def _collect(self, name: str, rows: pd.DataFrame) -> list[pd.DataFrame]:
        waiting = self._waiting.setdefault(name, [])
        waiting.append(rows)
        self._missing[name] -= len(rows)
        if self._missing[name]:
            return []
        del self._waiting[name]
        return [answer_volume(name, pd.concat(waiting, ignore_index=True))]


def answer_volume(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Makes one row of the rows of a volume's slices.

    Its probabilities are the mean of those of the slices that are answered. Where a slice cannot be read, or more than
    half of them are turned away, there is no answer. ``gate`` has a reason where more than half have one.

    Args:
        name: of the volume, its ``path``.
        rows: one a slice, with ``p_<class>``, ``gate``, ``training_image`` and ``error``.

    Returns:
        A table of one row with the same columns; `SLICES` and `TOP_SLICES` are those of the mean.

    Example:
        >>> slices = pd.DataFrame({"path": ["a#1", "a#2"], "predicted": "x", "p_x": [0.6, 0.9], "p_y": [0.4, 0.1]})
        >>> slices = slices.assign(gate=[(), ()], training_image="", error="")
        >>> answer_volume("a", slices)[["predicted", "p_x", "slices", "top_slices"]].values.tolist()
        [['x', 0.75, 2, ('a#2', 'a#1')]]
    """
    columns = [column for column in rows if column.startswith("p_")]
    answered = rows[rows[PREDICTED] != ""]
    unread = rows[rows[ERROR] != ""]
    reasons = _reasons(rows[GATE])
    row = dict(rows.iloc[0]) | {"path": name, PREDICTED: "", SLICES: 0, TOP_SLICES: (), ERROR: "", GATE: reasons}
    row |= dict.fromkeys(columns, np.nan)
    row[TRAINING_IMAGE] = next(filter(None, rows[TRAINING_IMAGE]), "")
    if len(unread):
        first = unread.iloc[0]
        row[ERROR] = f"{len(unread)} of {len(rows)} slices cannot be read; {first['path']}: {first[ERROR]}"
    elif 2 * len(answered) >= len(rows):
        means = answered[columns].mean()
        best = str(means.idxmax())
        top = answered.sort_values(best, ascending=False, kind="stable")["path"][:TOP]
        row |= {**means, PREDICTED: best.removeprefix("p_"), SLICES: len(answered), TOP_SLICES: tuple(top)}
    return pd.DataFrame({column: pd.Series([value], dtype=rows.dtypes.get(column)) for column, value in row.items()})


def _reasons(gates: pd.Series) -> tuple[str, ...] | None:
    """What speaks against a volume: that more than half of its slices have reasons, with the most frequent one."""
    if gates.iloc[0] is None:
        return None
    against = Counter(reasons[0] for reasons in gates if reasons)
    if 2 * against.total() <= len(gates):
        return ()
    reason, _ = against.most_common(1)[0]
    return (f"{against.total()} of {len(gates)} slices are unlike the training images, such as: {reason}",)
