"""The table of predictions that every score is computed from: its columns, its check, its probabilities as an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError

IMAGE_COLUMNS = ("path", "label", "split", "group")
"""What a predictions table keeps of an image's row in the manifest."""

PREDICTED = "predicted"
"""The column of the class with the highest probability."""

_PREFIX = "p_"

_TOLERANCE = 1e-3
"""How far the probabilities of an image may add up to something else than 1 before they are divided by their sum."""


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Returns the names of the probability columns, ``p_<class>``, in the order of the classes."""
    return [f"{_PREFIX}{name}" for name in classes]


def classes_in(table: pd.DataFrame) -> tuple[str, ...]:
    """Returns the classes that a predictions table has probabilities for, in its order.

    Example:
        >>> classes_in(pd.DataFrame({"path": ["a.png"], "p_no_tumor": [0.2], "p_tumor": [0.8]}))
        ('no_tumor', 'tumor')
    """
    return tuple(name.removeprefix(_PREFIX) for name in table.columns if name.startswith(_PREFIX))


def check_probabilities(probabilities: np.ndarray) -> None:
    """Refuses what a model answers if it is no probabilities: a model with a NaN weight names the first class.

    Args:
        probabilities: shape ``(images, classes)``, rows adding up to 1 within 0.001.

    Raises:
        EvaluationError: they are not finite, negative, or do not add up to 1.

    Example:
        >>> check_probabilities(np.array([[0.5, np.nan]]))
        Traceback (most recent call last):
        braintumor_tf.errors.EvaluationError: the model's answers are no probabilities (NaN, negative, or not adding ...
    """
    probabilities = np.asarray(probabilities, np.float64)
    sums = probabilities.sum(axis=1)
    if not (np.isfinite(sums) & (probabilities >= 0).all(axis=1) & (np.abs(sums - 1) <= _TOLERANCE)).all():
        raise EvaluationError(
            "the model's answers are no probabilities (NaN, negative, or not adding up to 1); train it anew"
        )


def make_predictions(rows: pd.DataFrame, classes: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Puts probabilities beside what is known of the images.

    Args:
        rows: rows of a manifest, or any table with some of `IMAGE_COLUMNS`, which are kept.
        classes: class names in the order of the columns of `probabilities`.
        probabilities: shape ``(images, classes)``, rows adding up to 1 within 0.001; they are divided by their sum.

    Returns:
        One row an image: `IMAGE_COLUMNS` as far as they are there, ``predicted``, and ``p_<class>`` for each class.

    Raises:
        EvaluationError: the probabilities are not finite, negative, or do not add up to 1.
    """
    probabilities = np.asarray(probabilities, np.float64).reshape(len(rows), len(classes))
    check_probabilities(probabilities)
    sums = probabilities.sum(axis=1, keepdims=True)
    table = rows[[name for name in IMAGE_COLUMNS if name in rows]].reset_index(drop=True)
    table[PREDICTED] = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
    return pd.concat([table, pd.DataFrame(probabilities / sums, columns=probability_columns(classes))], axis=1)


def check_predictions(
    table: pd.DataFrame, classes: Sequence[str], *, columns: Sequence[str] = (*IMAGE_COLUMNS[1:], PREDICTED)
) -> None:
    """Refuses a table that cannot be scored.

    Args:
        table: a predictions table.
        classes: class names in order.
        columns: what the table must have beside the probabilities.

    Raises:
        EvaluationError: a column is missing, a label is not among the classes, or a probability is not finite.
    """
    missing = [name for name in (*columns, *probability_columns(classes)) if name not in table]
    if missing:
        raise EvaluationError(
            f"the predictions have no column {', '.join(missing)}; the classes are {', '.join(classes)}"
        )
    for name in ("label", PREDICTED):
        if name in columns:
            class_numbers(table[name], classes)
    finite_probabilities(table, classes)


def class_numbers(names: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Returns the place of each name among the classes, int of shape ``(images,)``.

    Raises:
        EvaluationError: a name is not among the classes.

    Example:
        >>> class_numbers(["tumor", "no_tumor"], ("no_tumor", "tumor")).tolist()
        [1, 0]
    """
    names, number = list(names), {name: place for place, name in enumerate(classes)}
    unknown = sorted(set(names) - set(number), key=str)
    if unknown:
        raise EvaluationError(
            f"label {', '.join(map(str, unknown))} is not among the classes; they are {', '.join(classes)}"
        )
    return np.array([number[name] for name in names], int)


def finite_probabilities(table: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Returns `probabilities_of` a table.

    Raises:
        EvaluationError: one of them is not finite.
    """
    probabilities = probabilities_of(table, classes)
    if not np.isfinite(probabilities).all():
        raise EvaluationError("the predictions hold a probability that is no finite number; predict again")
    return probabilities


def probabilities_of(table: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Returns the probabilities of a predictions table, float64 of shape ``(images, classes)``."""
    return table[probability_columns(classes)].to_numpy(dtype=float)
