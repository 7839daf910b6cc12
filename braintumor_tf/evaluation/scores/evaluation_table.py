"""Scoring predictions: every score with its interval, near-duplicates apart, shortcut baselines beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.group_bootstrap import Resampling, group_numbers, group_weights, with_interval
from braintumor_tf.evaluation.scores.split_scores import (
    BaselineScores,
    ClassScores,
    CleanScores,
    ModelScores,
    NearDuplicateScores,
    SplitScores,
)
from braintumor_tf.evaluation.scores.weighted_metrics import (
    LABEL_SCORES,
    f1,
    macro,
    precision,
    ranking_scores,
    ratio,
    recall,
    tumour_rates,
    weighted_confusion,
)
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.leakage.splits import OVERLAP
from braintumor_tf.predictions_table import PREDICTED, check_predictions, class_numbers, probabilities_of
from braintumor_tf.types import Score

Values = dict[str, np.ndarray]
"""Scores by name, each of shape ``(weightings,)``; a name with a dot belongs to a class or to a part of the images."""

_MISSED, _FALSE_ALARM, _WRONG_TYPE = "missed tumour", "false alarm", "wrong type"


def score_predictions(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    *,
    baselines: Mapping[str, pd.DataFrame] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    split: str = "test",
) -> SplitScores:
    """Scores the predictions of one split.

    The ends of a score are those of a 95 % percentile bootstrap over groups. None stands for what is undefined: a class
    without images, fewer than two groups. The intervals of differences are paired: each resample draws the same groups
    for the two that are compared.

    Args:
        predictions: a predictions table; only the rows of `split` are scored.
        manifest: the split manifest; it says which images have a near-duplicate, an image of the same group, in
            training.
        classes: class names in order.
        baselines: predictions tables of shortcut baselines by name, scored on the same images.
        seed: of the resamples.
        resamples: how many times groups are drawn.
        split: which split to score.

    Raises:
        EvaluationError: no row is of that split, or labels or columns do not fit the classes.

    Example:
        >>> rows = pd.DataFrame({"path": list("abcd"), "split": "test", "group": list("abcd")})
        >>> rows["label"] = ["no_tumor", "no_tumor", "tumor", "tumor"]
        >>> found = rows.assign(predicted="tumor", p_no_tumor=0.4, p_tumor=0.6)
        >>> scores = score_predictions(found, rows, ("no_tumor", "tumor"))
        >>> scores.accuracy.value, scores.false_alarms, scores.to_dict()["accuracy"]["value"]
        (0.5, 2, 0.5)
    """
    classes = tuple(classes)
    rows = _scored_rows(predictions, classes, split)
    near = near_duplicate_in_training(rows, manifest).to_numpy()
    truth, named = (class_numbers(rows[column], classes) for column in ("label", PREDICTED))
    probabilities, groups = probabilities_of(rows, classes), group_numbers(rows["group"])

    def of_model(weights: np.ndarray) -> Values:
        return _weighted_scores(truth, named, probabilities, near, weights, classes)

    model = _with_resamples(of_model, groups, seed, resamples)
    scores = {name: with_interval(value[0], model[1].get(name)) for name, value in model[0].items()}
    kinds = error_kinds(rows)
    healthy = NO_TUMOR in classes
    confusion = weighted_confusion(truth, named, np.ones((1, len(rows))), classes=len(classes))[0]

    def of_baseline(table: pd.DataFrame) -> BaselineScores:
        theirs = class_numbers(_in_order_of(rows, _scored_rows(table, classes, split)), classes)
        return _baseline(theirs, truth, model, groups, len(classes), seed, resamples)

    return SplitScores(
        split=split,
        images=len(rows),
        groups=int(groups.max()) + 1,
        overlap=int((manifest["split"] == OVERLAP).sum()),
        class_names=classes,
        resampling=Resampling(resamples, seed),
        scores=ModelScores(**{name: each for name, each in scores.items() if "." not in name}),
        classes={
            name: ClassScores(**_part(scores, f"classes.{name}."), support=int((truth == place).sum()))
            for place, name in enumerate(classes)
        },
        missed_tumours=int((kinds == _MISSED).sum()) if healthy else None,
        false_alarms=int((kinds == _FALSE_ALARM).sum()) if healthy else None,
        confusion_matrix=tuple(tuple(row) for row in confusion.astype(int).tolist()),
        near_duplicates=NearDuplicateScores(**_part(scores, "near."), images=int(near.sum())),
        clean=CleanScores(**_part(scores, "clean."), images=int((~near).sum())),
        baselines={name: of_baseline(table) for name, table in (baselines or {}).items()},
    )


def error_kinds(rows: pd.DataFrame) -> pd.Series:
    """Names each prediction's error: ``missed tumour``, ``false alarm``, ``wrong type``, or an empty text if correct.

    Example:
        >>> rows = pd.DataFrame({"label": ["glioma", "no_tumor"], "predicted": ["no_tumor", "glioma"]})
        >>> error_kinds(rows).tolist()
        ['missed tumour', 'false alarm']
    """
    kinds = pd.Series(_WRONG_TYPE, index=rows.index, dtype=object)
    kinds[(rows["label"] != NO_TUMOR) & (rows[PREDICTED] == NO_TUMOR)] = _MISSED
    kinds[(rows["label"] == NO_TUMOR) & (rows[PREDICTED] != NO_TUMOR)] = _FALSE_ALARM
    kinds[rows["label"] == rows[PREDICTED]] = ""
    return kinds


def _scored_rows(predictions: pd.DataFrame, classes: tuple[str, ...], split: str) -> pd.DataFrame:
    if "split" in predictions:
        predictions = predictions[predictions["split"] == split].reset_index(drop=True)
    check_predictions(predictions, classes)
    if predictions.empty:
        raise EvaluationError(f"no prediction is of the {split} split; there is nothing to score")
    return predictions


def _with_resamples(
    scores: Callable[[np.ndarray], Values], groups: np.ndarray, seed: int, resamples: int
) -> tuple[Values, Values]:
    """Returns every score of the images themselves, and of each resample."""
    value = scores(np.ones((1, len(groups))))
    if groups.max() < 1:
        return value, {}  # one group drawn again and again would look like certainty
    pieces = [scores(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
    return value, {name: np.concatenate([piece[name] for piece in pieces]) for name in value} if pieces else {}


def _weighted_scores(
    truth: np.ndarray,
    named: np.ndarray,
    probabilities: np.ndarray,
    near: np.ndarray,
    weights: np.ndarray,
    classes: tuple[str, ...],
) -> Values:
    confusion = weighted_confusion(truth, named, weights, classes=len(classes))
    ranked = [ranking_scores(truth == index, probabilities[:, index], weights) for index in range(len(classes))]
    roc_auc, average_precision = (np.stack([pair[which] for pair in ranked], axis=1) for which in (0, 1))
    values = _label_scores(confusion)
    values["roc_auc"], values["average_precision"] = macro(roc_auc), macro(average_precision)
    undefined = np.full(len(weights), np.nan)
    values["tumour_sensitivity"], values["tumour_specificity"] = (
        tumour_rates(confusion, classes.index(NO_TUMOR)) if NO_TUMOR in classes else (undefined, undefined)
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
        values |= {f"{part}.{name}": found for name, found in _label_scores(inside).items()}
        values[f"{part}.share"] = ratio(weights[:, chosen].sum(axis=1), weights.sum(axis=1))
    values["near.above_clean"] = values["near.accuracy"] - values["clean.accuracy"]
    return values


def _label_scores(confusion: np.ndarray) -> Values:
    return {name: formula(confusion) for name, formula in LABEL_SCORES.items()}


def _part(scores: Mapping[str, Score], prefix: str) -> dict[str, Score]:
    return {name.removeprefix(prefix): each for name, each in scores.items() if name.startswith(prefix)}


def _in_order_of(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Returns what a baseline names each image that the model was scored on, in the model's order."""
    order, place = (np.argsort(one["path"].to_numpy(object), kind="stable") for one in (others, rows))
    named = np.empty(len(rows), object)
    if len(others) != len(rows) or (others["path"].to_numpy()[order] != rows["path"].to_numpy()[place]).any():
        raise EvaluationError("a baseline predicted other images than the model; use the same manifest for both")
    named[place] = others[PREDICTED].to_numpy(object)[order]
    return named


def _baseline(
    named: np.ndarray,
    truth: np.ndarray,
    model: tuple[Values, Values],
    groups: np.ndarray,
    classes: int,
    seed: int,
    resamples: int,
) -> BaselineScores:
    """Scores a baseline, and the model less the baseline; the same seed draws the same groups for both."""

    def scores(weights: np.ndarray) -> Values:
        return _label_scores(weighted_confusion(truth, named, weights, classes=classes))

    value, drawn = _with_resamples(scores, groups, seed, resamples)
    own, above = {}, {}
    for name in ("accuracy", "macro_f1"):
        own[name] = with_interval(value[name][0], drawn.get(name))
        lead = model[1][name] - drawn[name] if name in drawn else None
        above[name] = with_interval(model[0][name][0] - value[name][0], lead)
    return BaselineScores(own["accuracy"], own["macro_f1"], above)
