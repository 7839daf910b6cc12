"""Temperature scaling: one number, fitted on validation images, that makes all probabilities softer or sharper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import LEAST, log_losses, truth_and_probabilities
from braintumor_tf.predictions_table import probabilities_of, probability_columns

BOUNDS = (0.1, 10.0)
"""The temperatures that are searched; where every validation image is named correctly, the lowest would be 0."""

_CLOSE = 1e-3


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature.

    Attributes:
        value: above 1 the probabilities were overconfident, below 1 underconfident.
        before: mean log loss of the images that it was fitted on, before.
        after: the same with the temperature.
        at_bound: whether it lies at an end of `BOUNDS`: the images do not say how far it should go.
    """

    value: float
    before: float
    after: float
    at_bound: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the temperature as ``calibration.json`` holds it."""
        return {
            "value": self.value,
            "at_bound": self.at_bound,
            "bounds": list(BOUNDS),
            "validation_log_loss": {"before": self.before, "after": self.after},
        }


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns probabilities divided by a temperature, where logits are taken to be the logarithms.

    ``softmax(log p / T)`` is what dividing the network's logits by T gives, whatever constant was added to them.
    Probabilities are clipped at 1e-12 first. The order of the classes of an image never changes.

    Args:
        probabilities: shape ``(images, classes)``.
        temperature: above 0; 1 changes nothing.

    Raises:
        EvaluationError: the temperature is not a number above 0.

    Example:
        >>> scale(np.array([[0.8, 0.2]]), 2.0)
        array([[0.66666667, 0.33333333]])
    """
    if not np.isfinite(temperature) or temperature <= 0:
        raise EvaluationError(f"temperature {temperature}: give a number above 0 (1 changes nothing)")
    probabilities = np.asarray(probabilities, np.float64)
    if temperature == 1:
        return probabilities.copy()
    logits = np.log(np.maximum(probabilities, LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def scale_predictions(predictions: pd.DataFrame, classes: Sequence[str], temperature: float) -> pd.DataFrame:
    """Returns a predictions table with scaled probabilities; `predicted` and all other columns stay as they are.

    Example:
        >>> rows = pd.DataFrame({"path": ["a.png"], "p_no_tumor": [0.2], "p_tumor": [0.8]})
        >>> scale_predictions(rows, ("no_tumor", "tumor"), 2.0).round(3).to_numpy().tolist()
        [['a.png', 0.333, 0.667]]
    """
    scaled = scale(probabilities_of(predictions, classes), temperature)
    return predictions.assign(**dict(zip(probability_columns(classes), scaled.T)))


def fit_temperature(predictions: pd.DataFrame, classes: Sequence[str]) -> Temperature:
    """Fits the temperature of Guo et al. 2017 by the mean log loss over images.

    In ``1 / T`` the loss is convex, so the bounded search (`scipy.optimize.minimize_scalar` over ``log T``) finds the
    lowest value between `BOUNDS`.

    Args:
        predictions: a predictions table of validation images, never those that are scored afterwards.
        classes: class names in order.

    Raises:
        EvaluationError: there is no row, or labels or columns do not fit the classes.

    Example:
        >>> rows = pd.DataFrame({"label": ["tumor", "tumor", "no_tumor"], "p_no_tumor": 0.1, "p_tumor": 0.9})
        >>> round(fit_temperature(rows, ("no_tumor", "tumor")).value, 2)  # 2 of 3 are tumours, not 9 of 10
        3.17
    """
    truth, probabilities = truth_and_probabilities(predictions, classes)
    return best_temperature(probabilities, truth)


def best_temperature(probabilities: np.ndarray, truth: np.ndarray) -> Temperature:
    """Fits a temperature to probabilities, shape ``(images, classes)``, and class numbers; see `fit_temperature`."""
    from scipy.optimize import minimize_scalar

    def loss(exponent: float) -> float:
        return float(log_losses(truth, scale(probabilities, float(np.exp(exponent)))).mean())

    ends = np.log(BOUNDS)
    found = minimize_scalar(loss, bounds=tuple(ends), method="bounded", options={"xatol": 1e-6})
    best = min((0.0, float(found.x), *map(float, ends)), key=loss)  # 0 first: no scaling where nothing is gained
    at_bound = bool(min(abs(best - end) for end in ends) < _CLOSE)
    return Temperature(float(np.exp(best)), loss(0.0), loss(best), at_bound)
