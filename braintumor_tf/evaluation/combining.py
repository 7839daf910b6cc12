"""One answer from several: the weighted mean of predictions, and the weights that validation images ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.errors import EvaluationError
from braintumor_tf.evaluation.members import normalised_weights, refuse_other_classes

_LEAST = 1e-12  # a probability of 0 for the true class would make every mixture infinitely bad


def combine(predictions: Sequence[pd.DataFrame], weights: Sequence[float] | None = None) -> pd.DataFrame:
    """Returns the weighted mean of the probabilities of several predictions tables on the same images.

    Args:
        predictions: tables with `path` and ``p_<class>``, one row an image; rows may be in any order.
        weights: one for each table, none below 0; they are scaled to add up to 1. None for all alike.

    Returns:
        The first table's rows and other columns, with the mean probabilities and the class that they name.

    Raises:
        EvaluationError: there is no table, or images, labels, splits or classes differ.

    Example:
        >>> combine([first.predictions, second.predictions], [0.7, 0.3])["p_glioma"][0]
        0.83
    """
    shares = normalised_weights(weights, len(predictions))
    first, columns = predictions[0].reset_index(drop=True), _probability_columns(predictions[0])
    mean = np.zeros((len(first), len(columns)))
    for table, share in zip(predictions, shares):
        refuse_other_classes(_names(columns), _names(_probability_columns(table)))
        mean += share * _in_order_of(first, table)[columns].to_numpy(float)
    mean /= np.maximum(mean.sum(axis=1, keepdims=True), _LEAST)
    predicted = np.array(_names(columns), dtype=object)[mean.argmax(axis=1)]
    return first.assign(predicted=predicted, **dict(zip(columns, mean.T)))


def validation_weights(validation_predictions: Sequence[pd.DataFrame]) -> np.ndarray:
    """Returns the weights whose mixture has the lowest log loss on validation images.

    The log loss of a mixture is convex in the weights, so there is one lowest value, which sequential quadratic
    programming finds (`scipy.optimize.minimize`, SLSQP, from equal weights). With few validation images weights follow
    luck; equal weights are then the safer choice.

    Args:
        validation_predictions: one predictions table for each member, on the same labelled images.

    Returns:
        One weight for each member, none below 0, adding up to 1.

    Raises:
        EvaluationError: images or classes differ, or there is no image.

    Example:
        >>> validation_weights([run.predictions.query("split == 'validation'") for run in runs])
        array([0.62, 0.38])
    """
    from scipy.optimize import minimize

    combine(validation_predictions)  # refuses what does not belong together
    first = validation_predictions[0].reset_index(drop=True)
    if first.empty:
        raise EvaluationError("there are no validation predictions to weigh by; give equal weights or a list")
    tables = [_in_order_of(first, table) for table in validation_predictions]
    chances = np.column_stack([_of_label(table) for table in tables])
    members = chances.shape[1]

    def loss(weights: np.ndarray) -> float:
        return -float(np.log(np.maximum(chances @ weights, _LEAST)).mean())

    def slope(weights: np.ndarray) -> np.ndarray:
        return -(chances / np.maximum(chances @ weights, _LEAST)[:, None]).mean(axis=0)

    equal = np.full(members, 1 / members)
    sum_to_one = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like}
    found = minimize(
        loss, equal, jac=slope, method="SLSQP", bounds=[(0, 1)] * members, constraints=[sum_to_one],
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    fitted = np.clip(found.x, 0, None)
    candidates = [equal, *np.eye(members), fitted / fitted.sum()]  # the last is the lowest unless rounding is in play
    return candidates[int(np.argmin([round(loss(weights), 12) for weights in candidates]))]


def _probability_columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name.startswith("p_")]


def _names(columns: Sequence[str]) -> list[str]:
    return [name.removeprefix("p_") for name in columns]


def _in_order_of(first: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table's rows in the order of the first one's images; refuses other images, labels or splits."""
    table = table.reset_index(drop=True)
    if list(first["path"]) != list(table["path"]):
        if sorted(first["path"]) != sorted(table["path"]):
            strange = sorted(set(first["path"]) ^ set(table["path"]))
            raise EvaluationError(
                f"the members predicted other images ({len(first)} and {len(table)}; "
                f"{strange[0] if strange else first['path'].iloc[0]} differs); predict the same images with each"
            )
        place = np.argsort(np.argsort(first["path"].to_numpy(str), kind="stable"), kind="stable")
        table = table.iloc[np.argsort(table["path"].to_numpy(str), kind="stable")[place]].reset_index(drop=True)
    for column in ("label", "split"):
        if column in first and column in table and list(first[column]) != list(table[column]):
            row = int(np.argmax((first[column] != table[column]).to_numpy()))
            raise EvaluationError(
                f"{first['path'][row]} has the {column} {first[column][row]} in one member and {table[column][row]} in "
                "another; predict the same images with each"
            )
    return table


def _of_label(table: pd.DataFrame) -> np.ndarray:
    return np.array([row[f"p_{row['label']}"] for row in table.to_dict("records")], float)
