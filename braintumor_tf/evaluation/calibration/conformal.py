"""Sets of classes that hold the true one as often as stated, for each class: split conformal prediction over groups.

A class is in the set of an image where its probability is at least the class's own threshold (class-conditional, or
Mondrian, conformal prediction: Vovk et al. 2005; the score of an image is 1 less the probability of its true class).
The threshold comes from the validation images of that class. Near-duplicates are not exchangeable with independent
images, groups are; so what counts is how many groups a class has. Two ways of counting:

``"share"`` (the default): all images of a group together weigh as one. With G groups, the threshold is a weighted
    quantile of the scores at ``1 - alpha``. Each score has weight ``1 / ((G + 1) n)``, n being the images of its group.
    The weight ``1 / (G + 1)`` that is left over is on an infinite score. This is hierarchical conformal prediction of
    Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical data". It states that one image of a
    new group is covered, which is what is asked when an image is predicted. It uses every image and draws nothing at
    random.
``"worst"``: the least probable image of a group stands for it. It states that all images of a new group are covered at
    once, and makes larger sets.

Where every group has one image, both are the quantile ``ceil((G + 1) (1 - alpha)) / G``. A class of fewer than
``1 / alpha - 1`` groups gets no threshold: it is in every set, since nothing smaller could be promised.

The promise is for groups that could have been validation groups, on average over validation sets; it does not hold for
images from elsewhere. Probabilities are those of the model, without temperature, so that no other number is fitted on
the same images; the choice of the epoch was, which is why coverage is measured on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import truth_and_probabilities
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers

SHARE, WORST = "share", "worst"
"""How the images of a group count; see above."""

UNKNOWN = "unknown"
"""The answer where the set does not hold exactly one class."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Threshold:
    """From which probability on a class is in the set.

    Attributes:
        least_probability: 0 where the class is in every set.
        groups: validation groups that hold the class.
        images: validation images of the class.
    """

    least_probability: float
    groups: int
    images: int

    @property
    def always(self) -> bool:
        """Whether the class is in every set."""
        return self.least_probability <= 0.0


def least_probability(probabilities: np.ndarray, groups: np.ndarray, *, alpha: float, count: str = SHARE) -> float:
    """Returns the threshold of one class: 0 where there are too few groups for `alpha`.

    Args:
        probabilities: that of the true class of each of its images, shape ``(images,)``.
        groups: a number for each image's group, shape ``(images,)``.
        alpha: the share of images that may be missed, between 0 and 1.
        count: ``"share"`` or ``"worst"``.

    Raises:
        EvaluationError: `alpha` is not between 0 and 1, or `count` is unknown.

    Example:
        >>> least_probability(np.linspace(0.1, 0.9, 9), np.arange(9), alpha=0.1)
        0.1
    """
    if not 0 < alpha < 1:
        raise EvaluationError(f"alpha={alpha}: give a number between 0 and 1 (coverage is 1 - alpha)")
    if count not in (SHARE, WORST):
        raise EvaluationError(f"count={count!r}: give {SHARE!r} or {WORST!r}")
    if not len(probabilities):
        return 0.0
    place, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    if count == WORST:
        lowest = np.full(len(sizes), np.inf)
        np.minimum.at(lowest, place, probabilities)
        probabilities, place, sizes = lowest, np.arange(len(sizes)), np.ones(len(sizes))
    order = np.argsort(-probabilities, kind="stable")
    covered = np.cumsum(1.0 / sizes[place][order])  # in groups
    enough = covered >= (len(sizes) + 1) * (1 - alpha) - _ROUNDING
    return float(probabilities[order][np.argmax(enough)]) if enough.any() else 0.0


def fit_thresholds(
    predictions: pd.DataFrame, classes: Sequence[str], *, alpha: float = 0.1, count: str = SHARE
) -> dict[str, Threshold]:
    """Fits the threshold of every class.

    Args:
        predictions: a predictions table of validation images, which the model was not trained on.
        classes: class names in order.
        alpha: the share of images of a class whose set may miss it.
        count: how the images of a group count, ``"share"`` or ``"worst"``.

    Raises:
        EvaluationError: `alpha` is not between 0 and 1, `count` is unknown, there is no row, or labels or columns do
            not fit the classes.

    Example:
        >>> rows = pd.DataFrame({"label": "tumor", "group": [f"g{number}" for number in range(9)]})
        >>> rows = rows.assign(p_tumor=np.linspace(0.1, 0.9, 9), p_no_tumor=np.linspace(0.9, 0.1, 9))
        >>> found = fit_thresholds(rows, ("no_tumor", "tumor"))
        >>> found["tumor"].least_probability, found["no_tumor"].always
        (0.1, True)
    """
    truth, probabilities = truth_and_probabilities(predictions, classes)
    groups = group_numbers(predictions["group"])
    found = {}
    for place, name in enumerate(classes):
        inside = truth == place
        least = least_probability(probabilities[inside, place], groups[inside], alpha=alpha, count=count)
        found[name] = Threshold(least, len(set(groups[inside])), int(inside.sum()))
    return found


def conformal_sets(probabilities: np.ndarray, thresholds: Mapping[str, Threshold]) -> np.ndarray:
    """Returns which classes are in the set of each image: bool of shape ``(images, classes)``.

    A set can be empty: the image is less typical of every class than nearly all validation images were.

    Args:
        probabilities: those of the model, shape ``(images, classes)``, in the order of `thresholds`.
        thresholds: of every class.

    Example:
        >>> thresholds = {"no_tumor": Threshold(0.3, 9, 9), "tumor": Threshold(0.4, 9, 9)}
        >>> conformal_sets(np.array([[0.35, 0.65], [0.8, 0.2]]), thresholds).tolist()
        [[True, True], [True, False]]
    """
    return np.asarray(probabilities, float) >= np.array([each.least_probability for each in thresholds.values()])


def answers(sets: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Returns the class of each set that holds exactly one, and ``"unknown"`` for all others: text, ``(images,)``."""
    names = np.array(list(classes), dtype=object)
    return np.where(sets.sum(axis=1) == 1, names[sets.argmax(axis=1)], UNKNOWN)
