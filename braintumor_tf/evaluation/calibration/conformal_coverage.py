"""What conformal sets are worth on test images: how often they hold the true class, how large they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.evaluation.calibration.calibration_error import truth_and_probabilities
from braintumor_tf.evaluation.calibration.conformal import UNKNOWN, Threshold, answers, conformal_sets
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers
from braintumor_tf.evaluation.scores.proportions import proportion_scores
from braintumor_tf.predictions_table import PREDICTED
from braintumor_tf.types import Score


@dataclass(frozen=True, kw_only=True)
class ClassCoverage:
    """The sets of the test images of one class.

    Attributes:
        least_probability: the threshold of the class.
        always: whether the class is in every set.
        groups: validation groups that hold the class.
        images: validation images of the class.
        test_images: test images of the class.
        coverage: the share of them whose set holds the class.
        set_size: mean number of classes in their sets.
        answered: the share of them whose set holds one class alone.
        accuracy_answered: how often that class is the true one.
        sizes: how many of them have a set of 0, 1, 2, ... classes.
    """

    least_probability: float
    always: bool
    groups: int
    images: int
    test_images: int
    coverage: Score
    set_size: Score
    answered: Score
    accuracy_answered: Score
    sizes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the values as ``calibration.json`` holds them."""
        return {**asdict(self), "sizes": list(self.sizes)}


@dataclass(frozen=True, kw_only=True)
class ConformalCoverage:
    """The conformal sets of test images.

    Attributes:
        coverage_stated: how often the set of a class must hold it.
        count: how the images of a group counted for the thresholds.
        coverage: how often the sets hold the true class.
        set_size: mean number of classes in a set.
        empty: the share of images whose set is empty.
        answered: the share of images whose set holds one class alone.
        accuracy_answered: how often that class is the true one.
        accuracy_all: of the most probable class, over all images.
        missed_tumours_answered: tumours that were answered ``no_tumor``; None without that class.
        against_prediction: images whose answer is another class than the most probable one.
        classes: of each class.
    """

    coverage_stated: float
    count: str
    coverage: Score
    set_size: Score
    empty: Score
    answered: Score
    accuracy_answered: Score
    accuracy_all: Score
    missed_tumours_answered: int | None
    against_prediction: int
    classes: Mapping[str, ClassCoverage]

    def to_dict(self) -> dict[str, Any]:
        """Returns the values as ``calibration.json`` holds them."""
        return {**asdict(self), "classes": {name: each.to_dict() for name, each in self.classes.items()}}


def measure_coverage(
    test: pd.DataFrame,
    classes: Sequence[str],
    thresholds: Mapping[str, Threshold],
    *,
    coverage_stated: float,
    count: str,
) -> ConformalCoverage:
    """Measures the sets that thresholds make of test images.

    Args:
        test: a predictions table.
        classes: class names in order.
        thresholds: of every class, fitted on other images.
        coverage_stated: what the thresholds were fitted for.
        count: how the images of a group counted for them.

    Raises:
        EvaluationError: there is no row, or labels or columns do not fit the classes.
    """
    truth, probabilities = truth_and_probabilities(test, classes)
    sets, label = conformal_sets(probabilities, thresholds), test["label"].to_numpy(object)
    sizes, answer = sets.sum(axis=1), answers(sets, classes)
    covered, answered = sets[np.arange(len(truth)), truth], answer != UNKNOWN
    everything, right = np.ones(len(test), bool), answer == label
    columns = {
        "coverage": (covered, everything),
        "set_size": (sizes, everything),
        "empty": (sizes == 0, everything),
        "answered": (answered, everything),
        "accuracy_answered": (right, answered),
        "accuracy_all": (probabilities.argmax(axis=1) == truth, everything),
    }
    for place, name in enumerate(classes):
        own = truth == place
        columns |= {f"{name}/coverage": (covered, own), f"{name}/set_size": (sizes, own)}
        columns |= {f"{name}/answered": (answered, own), f"{name}/accuracy_answered": (right, answered & own)}
    sizes_within = {name: (0.0, float(len(classes))) for name in columns if name.endswith("set_size")}
    found = proportion_scores(columns, group_numbers(test["group"]), within=sizes_within)
    missed = (label != NO_TUMOR) & (answer == NO_TUMOR)
    return ConformalCoverage(
        coverage_stated=coverage_stated,
        count=count,
        **{name: each for name, each in found.items() if "/" not in name},
        missed_tumours_answered=int(missed.sum()) if NO_TUMOR in classes else None,
        against_prediction=int((answered & (answer != test[PREDICTED].to_numpy(object))).sum()),
        classes={
            name: _of_class(name, thresholds[name], found, sizes[truth == place], len(classes))
            for place, name in enumerate(classes)
        },
    )


def _of_class(
    name: str, threshold: Threshold, found: Mapping[str, Score], sizes: np.ndarray, classes: int
) -> ClassCoverage:
    own = {key.split("/")[-1]: each for key, each in found.items() if key.rpartition("/")[0] == name}
    return ClassCoverage(
        least_probability=threshold.least_probability,
        always=threshold.always,
        groups=threshold.groups,
        images=threshold.images,
        test_images=len(sizes),
        **own,
        sizes=tuple(np.bincount(sizes, minlength=classes + 1).tolist()),
    )
