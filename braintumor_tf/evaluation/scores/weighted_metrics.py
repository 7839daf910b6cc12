"""Scores of many weightings of the same images at once.

Every function takes `weights` of shape ``(weightings, images)``: all ones for the score itself, and how often each
image was drawn for a bootstrap resample. It returns one value a weighting, NaN where the score is undefined.
Definitions are those of scikit-learn, which the tests compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Values = dict[str, np.ndarray]
"""Scores by name, each of shape ``(weightings,)``; a name with a dot belongs to a class or to a part of the images."""


def weighted_confusion(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray, *, classes: int) -> np.ndarray:
    """Returns confusion matrices, shape ``(weightings, classes, classes)``, rows true.

    Args:
        truth: class numbers, shape ``(images,)``.
        predicted: class numbers, shape ``(images,)``.
        weights: shape ``(weightings, images)``.
        classes: how many classes there are.

    Example:
        >>> weighted_confusion(np.array([0, 1]), np.array([0, 0]), np.ones((1, 2)), classes=2).tolist()
        [[[1.0, 0.0], [1.0, 0.0]]]
    """
    cell = np.zeros((len(truth), classes * classes))
    cell[np.arange(len(truth)), truth * classes + predicted] = 1.0
    return (weights @ cell).reshape(-1, classes, classes)


def ratio(above: np.ndarray, below: np.ndarray, *, undefined: float = np.nan) -> np.ndarray:
    """Divides, with `undefined` where the divisor is 0.

    Example:
        >>> ratio([1.0, 1.0], [2.0, 0.0]).tolist()
        [0.5, nan]
    """
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, undefined), where=below != 0)


def precision(confusion: np.ndarray, *, undefined: float = np.nan) -> np.ndarray:
    """Returns, for each class, the share of images named so that are of it: shape ``(weightings, classes)``."""
    return ratio(np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=1), undefined=undefined)


def recall(confusion: np.ndarray) -> np.ndarray:
    """Returns, for each class, the share of its images that are named so: shape ``(weightings, classes)``."""
    return ratio(np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=2))


def f1(confusion: np.ndarray) -> np.ndarray:
    """Returns the harmonic mean of precision and recall, NaN for a class without images: ``(weightings, classes)``."""
    support = confusion.sum(axis=2)
    found = ratio(2 * np.diagonal(confusion, axis1=1, axis2=2), support + confusion.sum(axis=1))
    return np.where(support > 0, found, np.nan)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Returns the share of images that are named correctly: shape ``(weightings,)``."""
    return ratio(np.trace(confusion, axis1=1, axis2=2), confusion.sum(axis=(1, 2)))


def macro(values: np.ndarray) -> np.ndarray:
    """Returns the mean over the classes that have a value: from ``(weightings, classes)`` to ``(weightings,)``."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1))


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Returns the mean recall of the classes that have images, which is macro recall too: shape ``(weightings,)``."""
    return macro(recall(confusion))


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Returns the mean F1 of the classes that have images: shape ``(weightings,)``."""
    return macro(f1(confusion))


def macro_precision(confusion: np.ndarray) -> np.ndarray:
    """Returns the mean precision of the classes that have images; a class that is never named counts as 0."""
    return macro(np.where(confusion.sum(axis=2) > 0, precision(confusion, undefined=0.0), np.nan))


LABEL_SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_precision": macro_precision,
    "macro_recall": balanced_accuracy,
    "macro_f1": macro_f1,
}
"""The scores that follow from the labels alone, each from confusion matrices, by their names in ``metrics.json``."""


def tumour_rates(confusion: np.ndarray, no_tumor: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns sensitivity and specificity of "any tumour" against no tumour, whichever type was named.

    Args:
        confusion: shape ``(weightings, classes, classes)``.
        no_tumor: the number of the class without a tumour.
    """
    healthy = confusion[:, no_tumor, :].sum(axis=1)
    missed = confusion[:, :, no_tumor].sum(axis=1) - confusion[:, no_tumor, no_tumor]
    tumours = confusion.sum(axis=(1, 2)) - healthy
    return ratio(tumours - missed, tumours), ratio(confusion[:, no_tumor, no_tumor], healthy)


def ranking_scores(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns ROC-AUC and average precision of one class against the rest.

    Ties count half for ROC-AUC. Average precision is the step-wise sum of precision times the gain in recall, as
    scikit-learn's `average_precision_score`, not an interpolated area.

    Args:
        positive: whether each image is of the class, shape ``(images,)``.
        score: its probability, shape ``(images,)``.
        weights: shape ``(weightings, images)``.

    Returns:
        Two arrays of shape ``(weightings,)``, NaN where a weighting has no image of the class, or for ROC-AUC no image
        of the rest.
    """
    if not len(score):
        nothing = np.full(len(weights), np.nan)
        return nothing, nothing.copy()
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    ordered = weights[:, order]
    of_class = positive[order].astype(float)
    found = np.add.reduceat(ordered * of_class, starts, axis=1)  # weight of positives at each distinct score
    named = np.add.reduceat(ordered, starts, axis=1)
    found_so_far, named_so_far = np.cumsum(found, axis=1), np.cumsum(named, axis=1)
    positives = found_so_far[:, -1]
    negatives = named_so_far[:, -1] - positives
    pairs = ((named - found) * (found_so_far - found / 2)).sum(axis=1)
    steps = (found * ratio(found_so_far, named_so_far, undefined=0.0)).sum(axis=1)
    return ratio(pairs, positives * negatives), ratio(steps, positives)


def split_values(
    truth: np.ndarray,
    named: np.ndarray,
    probabilities: np.ndarray,
    near: np.ndarray,
    weights: np.ndarray,
    classes: Sequence[str],
    healthy: int | None,
) -> Values:
    """Returns every score of a split for each weighting, by the names that `score_predictions` gives them.

    Args:
        truth: class numbers, shape ``(images,)``.
        named: class numbers, shape ``(images,)``.
        probabilities: shape ``(images, classes)``.
        near: whether each image has a near-duplicate in training, shape ``(images,)``.
        weights: shape ``(weightings, images)``.
        classes: class names in order.
        healthy: the number of the class without a tumour; None where there is none.
    """
    confusion = weighted_confusion(truth, named, weights, classes=len(classes))
    ranked = [ranking_scores(truth == index, probabilities[:, index], weights) for index in range(len(classes))]
    roc_auc, average_precision = (np.stack([pair[which] for pair in ranked], axis=1) for which in (0, 1))
    values = label_values(confusion)
    values["roc_auc"], values["average_precision"] = macro(roc_auc), macro(average_precision)
    undefined = np.full(len(weights), np.nan)
    values["tumour_sensitivity"], values["tumour_specificity"] = (
        (undefined, undefined) if healthy is None else tumour_rates(confusion, healthy)
    )
    for_each = {
        "precision": precision(confusion),
        "recall": recall(confusion),
        "f1": f1(confusion),
        "roc_auc": roc_auc,
        "average_precision": average_precision,
    }
    for index, name in enumerate(classes):
        values |= {f"classes.{name}.{kind}": found[:, index] for kind, found in for_each.items()}
    for part, chosen in (("near", near), ("clean", ~near)):
        inside = weighted_confusion(truth[chosen], named[chosen], weights[:, chosen], classes=len(classes))
        values |= {f"{part}.{name}": found for name, found in label_values(inside).items()}
        values[f"{part}.share"] = ratio(weights[:, chosen].sum(axis=1), weights.sum(axis=1))
    return values


def label_values(confusion: np.ndarray) -> Values:
    """Returns each of `LABEL_SCORES` of confusion matrices, by its name."""
    return {name: formula(confusion) for name, formula in LABEL_SCORES.items()}
