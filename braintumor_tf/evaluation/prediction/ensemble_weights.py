"""One answer from several: the weighted mean of predictions, and the weights that validation images ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import LEAST, log_losses
from braintumor_tf.evaluation.calibration.temperature import BOUNDS, best_temperature, scale
from braintumor_tf.evaluation.prediction.ensemble_model import normalised_weights, refuse_other_classes

_PARTS = 5
_NEGLIGIBLE = 1e-6  # less than this is what the search leaves of a weight of 0


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
    mean /= np.maximum(mean.sum(axis=1, keepdims=True), LEAST)
    predicted = np.array(_names(columns), dtype=object)[mean.argmax(axis=1)]
    return first.assign(predicted=predicted, **dict(zip(columns, mean.T)))


def validation_weights(validation_predictions: Sequence[pd.DataFrame]) -> np.ndarray:
    """Returns equal weights, or those that validation images ask for where that holds on images they did not see.

    Fitted are the weights and a temperature of the mixture together, by the log loss (`scipy.optimize.minimize`, SLSQP,
    from equal weights): a mean of hesitant networks is more hesitant still, and without the temperature the log loss
    would blame that on the members and drop all but the boldest. Fitted weights follow luck, though. So they are
    fitted on four fifths of the groups of look-alikes and compared with equal weights on the last fifth, five times,
    and taken only if they are better there by more than a standard error. For the networks of the README equal weights
    were never the worse on validation images that were left out: weights are for a member much worse than the rest.

    Args:
        validation_predictions: one predictions table for each member, on the same labelled images; without a column
            `group` each image stands for itself.

    Returns:
        One weight for each member, none below 0, adding up to 1.

    Raises:
        EvaluationError: images or classes differ, or there is no image.

    Example:
        >>> validation_weights([run.predictions.query("split == 'validation'") for run in runs])
        array([0.5, 0.5])
    """
    from sklearn.model_selection import GroupKFold

    combine(validation_predictions)  # refuses what does not belong together
    first = validation_predictions[0].reset_index(drop=True)
    if first.empty:
        raise EvaluationError("there are no validation predictions to weigh by; give equal weights or a list")
    columns = _probability_columns(first)
    chances = np.stack([_in_order_of(first, table)[columns].to_numpy(float) for table in validation_predictions])
    truth = np.array([_names(columns).index(label) for label in first["label"]])
    groups = first["group"] if "group" in first else first["path"]
    members, parts = len(chances), min(_PARTS, groups.nunique())
    equal = np.full(members, 1 / members)
    if members == 1 or parts < 2:
        return equal
    gains = np.zeros(len(first))
    for seen, left_out in GroupKFold(parts).split(first, groups=groups):
        for sign, weights in ((1, equal), (-1, _fitted(chances[:, seen], truth[seen]))):
            mixture = np.tensordot(weights, chances, 1)
            temperature = best_temperature(mixture[seen], truth[seen]).value
            gains[left_out] += sign * log_losses(truth[left_out], scale(mixture[left_out], temperature))
    of_groups = pd.Series(gains).groupby(groups).sum()
    error = np.sqrt(len(of_groups)) * of_groups.std()
    return _fitted(chances, truth) if of_groups.sum() > error else equal


def _fitted(chances: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The weights that have the lowest log loss, each with the temperature that suits it."""
    from scipy.optimize import minimize

    members, images = len(chances), np.arange(len(truth))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, sharpness = values[:-1], values[-1]  # sharpness is one over the temperature
        mixture = np.maximum(np.tensordot(weights, chances, 1), LEAST)
        error = scale(mixture, 1 / sharpness)
        lost = float(log_losses(truth, error).mean())
        error[images, truth] -= 1
        error /= len(truth)
        slope = np.tensordot(chances, sharpness * error / mixture, 2)
        return lost, np.append(slope, (error * np.log(mixture)).sum())

    equal = np.full(members, 1 / members)
    ones = np.append(np.ones(members), 0)
    sum_to_one = {"type": "eq", "fun": lambda values: values @ ones - 1, "jac": lambda _: ones}
    found = minimize(
        loss, np.append(equal, 1 / best_temperature(chances.mean(axis=0), truth).value), jac=True, method="SLSQP",
        bounds=[(0, 1)] * members + [(1 / BOUNDS[1], 1 / BOUNDS[0])], constraints=[sum_to_one],
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    weights = np.clip(found.x[:-1], 0, None)
    weights[weights < _NEGLIGIBLE] = 0
    return weights / weights.sum()


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
