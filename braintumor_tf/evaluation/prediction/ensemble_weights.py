"""One answer from several: the weighted mean of predictions, and the weights that validation images ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import LEAST, log_losses
from braintumor_tf.evaluation.calibration.temperature import BOUNDS, best_temperature, scale
from braintumor_tf.evaluation.prediction.ensemble_model import normalised_weights, refuse_other_classes
from braintumor_tf.predictions_table import (
    PREDICTED,
    class_numbers,
    classes_in,
    finite_probabilities,
    probabilities_of,
    probability_columns,
)

_PARTS = 5
_NEGLIGIBLE = 1e-6  # less than this is what the search leaves of a weight of 0


def combine(predictions: Sequence[pd.DataFrame], weights: Sequence[float] | None = None) -> pd.DataFrame:
    """Returns the weighted mean of the probabilities of several predictions tables on the same images.

    Args:
        predictions: tables with `path` and ``p_<class>``, one row an image; rows may be in any order.
        weights: one for each table, not negative; they are scaled to add up to 1. None for equal ones.

    Returns:
        The first table's rows and other columns, with the mean probabilities and the class that they name.

    Raises:
        EvaluationError: there is no table, images, labels, splits or classes differ, or a probability is not finite.

    Example:
        >>> rows = pd.DataFrame({"path": ["a.png"]})
        >>> first, second = (rows.assign(p_no_tumor=1 - one, p_tumor=one) for one in (0.9, 0.1))
        >>> combine([first, second], [3, 1]).round(2).iloc[0].to_dict()
        {'path': 'a.png', 'p_no_tumor': 0.3, 'p_tumor': 0.7, 'predicted': 'tumor'}
    """
    shares = normalised_weights(weights, len(predictions))
    first, classes = predictions[0].reset_index(drop=True), classes_in(predictions[0])
    mean = np.zeros((len(first), len(classes)))
    for table, share in zip(predictions, shares):
        refuse_other_classes(classes, classes_in(table))
        mean += share * finite_probabilities(_in_order_of(first, table), classes)
    mean /= np.maximum(mean.sum(axis=1, keepdims=True), LEAST)
    predicted = np.array(classes, dtype=object)[mean.argmax(axis=1)]
    return first.assign(**{PREDICTED: predicted}, **dict(zip(probability_columns(classes), mean.T)))


def validation_weights(validation_predictions: Sequence[pd.DataFrame]) -> np.ndarray:
    """Returns equal weights, or those that validation images ask for where that holds on images they did not see.

    The weights are fitted together with a temperature of the mixture, by the log loss (`scipy.optimize.minimize`,
    SLSQP, from equal weights). A mean of networks is less confident than its members. Without the temperature the log
    loss would blame that on the members and drop all but the most confident. Fitted weights follow luck, though. So
    they are fitted on four fifths of the groups of near-duplicates and compared with equal weights on the last fifth,
    five times. They are taken only if they are better there by more than a standard error.

    Args:
        validation_predictions: one predictions table for each member, on the same labelled images; without a column
            `group` each image stands for itself.

    Returns:
        One weight for each member, not negative, adding up to 1.

    Raises:
        EvaluationError: images or classes differ, or there is no image.

    Example:
        >>> rows = pd.DataFrame({"path": list("abcdef"), "label": ["no_tumor", "tumor"] * 3})
        >>> alike = [rows.assign(p_no_tumor=0.4, p_tumor=0.6)] * 2
        >>> validation_weights(alike)
        array([0.5, 0.5])
    """
    from sklearn.model_selection import GroupKFold

    combine(validation_predictions)  # refuses what does not belong together
    first = validation_predictions[0].reset_index(drop=True)
    if first.empty:
        raise EvaluationError("there are no validation predictions to weigh by; give equal weights or a list")
    classes = classes_in(first)
    probabilities = np.stack(
        [probabilities_of(_in_order_of(first, table), classes) for table in validation_predictions]
    )
    truth = class_numbers(first["label"], classes)
    groups = first["group"] if "group" in first else first["path"]
    members, parts = len(probabilities), min(_PARTS, groups.nunique())
    equal = np.full(members, 1 / members)
    if members == 1 or parts < 2:
        return equal
    gains = np.zeros(len(first))
    for seen, left_out in GroupKFold(parts).split(first, groups=groups):
        for sign, weights in ((1, equal), (-1, _fitted(probabilities[:, seen], truth[seen]))):
            mixture = np.tensordot(weights, probabilities, 1)
            temperature = best_temperature(mixture[seen], truth[seen]).value
            gains[left_out] += sign * log_losses(truth[left_out], scale(mixture[left_out], temperature))
    of_groups = pd.Series(gains).groupby(groups).sum()
    error = np.sqrt(len(of_groups)) * of_groups.std()
    return _fitted(probabilities, truth) if of_groups.sum() > error else equal


def _fitted(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The weights that have the lowest log loss, each with the temperature that suits it."""
    from scipy.optimize import minimize

    members, images = len(probabilities), np.arange(len(truth))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, sharpness = values[:-1], values[-1]  # sharpness is one over the temperature
        mixture = np.maximum(np.tensordot(weights, probabilities, 1), LEAST)
        error = scale(mixture, 1 / sharpness)
        lost = float(log_losses(truth, error).mean())
        error[images, truth] -= 1
        error /= len(truth)
        slope = np.tensordot(probabilities, sharpness * error / mixture, 2)
        return lost, np.append(slope, (error * np.log(mixture)).sum())

    equal = np.full(members, 1 / members)
    ones = np.append(np.ones(members), 0)
    sum_to_one = {"type": "eq", "fun": lambda values: values @ ones - 1, "jac": lambda _: ones}
    found = minimize(
        loss, np.append(equal, 1 / best_temperature(probabilities.mean(axis=0), truth).value), jac=True, method="SLSQP",
        bounds=[(0, 1)] * members + [(1 / BOUNDS[1], 1 / BOUNDS[0])], constraints=[sum_to_one],
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    weights = np.clip(found.x[:-1], 0, None)
    weights[weights < _NEGLIGIBLE] = 0
    return weights / weights.sum()


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
