"""Scoring predictions: every score with its interval, near-duplicates apart, shortcut baselines beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.group_bootstrap import (
    Drawn,
    Resampling,
    difference_with_interval,
    group_numbers,
    with_interval,
    with_resamples,
)
from braintumor_tf.evaluation.scores.patients import score_patients
from braintumor_tf.evaluation.scores.proportions import (
    FEW_GROUPS,
    class_groups,
    effective_groups,
    label_score_groups,
    macro_groups,
    proportion_scores,
)
from braintumor_tf.evaluation.scores.split_scores import (
    BaselineScores,
    ClassScores,
    CleanScores,
    ModelScores,
    NearDuplicateScores,
    SplitScores,
)
from braintumor_tf.evaluation.scores.weighted_metrics import Values, label_values, split_values, weighted_confusion
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.leakage.splits import OVERLAP
from braintumor_tf.predictions_table import PREDICTED, check_predictions, class_numbers, probabilities_of
from braintumor_tf.types import Score

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

    The ends of a score are those of a 95 % interval over groups (`proportions.proportion_scores` for shares of images,
    `group_bootstrap.with_interval` for the others). None stands for what is undefined: a class without images, fewer
    than two groups. The intervals of differences are paired: each resample draws the same groups for the two that are
    compared.

    Args:
        predictions: a predictions table; only the rows of `split` are scored.
        manifest: the split manifest; it says which images have a near-duplicate, an image of the same group, in
            training, and, where it has patients, who is shown.
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

    healthy = classes.index(NO_TUMOR) if NO_TUMOR in classes else None

    def of_model(weights: np.ndarray) -> Values:
        return split_values(truth, named, probabilities, near, weights, classes, healthy)

    model = with_resamples(of_model, groups, resamples=resamples, seed=seed)
    independent = _groups_of_scores(truth, named, near, groups, classes)
    scores = {
        name: with_interval(value, model[1].get(name), groups=independent.get(name, 0.0))
        for name, value in model[0].items()
    } | proportion_scores(_proportions(truth, named, near, classes, healthy), groups)
    parts = [_drawn(model, f"{part}.accuracy", independent) for part in ("near", "clean")]
    scores["near.above_clean"] = difference_with_interval(*parts)
    kinds = error_kinds(rows)
    confusion = weighted_confusion(truth, named, np.ones((1, len(rows))), classes=len(classes))[0]

    def of_baseline(table: pd.DataFrame) -> BaselineScores:
        theirs = class_numbers(_in_order_of(rows, _scored_rows(table, classes, split)), classes)
        return _baseline(theirs, truth, model, groups, len(classes), {"resamples": resamples, "seed": seed})

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
        missed_tumours=int((kinds == _MISSED).sum()) if healthy is not None else None,
        false_alarms=int((kinds == _FALSE_ALARM).sum()) if healthy is not None else None,
        confusion_matrix=tuple(tuple(row) for row in confusion.astype(int).tolist()),
        near_duplicates=NearDuplicateScores(**_part(scores, "near."), images=int(near.sum())),
        clean=CleanScores(**_part(scores, "clean."), images=int((~near).sum())),
        baselines={name: of_baseline(table) for name, table in (baselines or {}).items()},
        few_groups={
            name: round(float(number), 1)
            for name, number in independent.items()
            if number < FEW_GROUPS and name in scores and scores[name].low is not None
        },
        patients=score_patients(rows, manifest, classes, resamples=resamples, seed=seed),
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
    model: tuple[Mapping[str, float], Mapping[str, np.ndarray]],
    groups: np.ndarray,
    classes: int,
    draws: Mapping[str, int],
) -> BaselineScores:
    """Scores a baseline, and the model less the baseline; the same seed draws the same groups for both."""

    def scores(weights: np.ndarray) -> Values:
        return label_values(weighted_confusion(truth, named, weights, classes=classes))

    found, independent = with_resamples(scores, groups, **draws), label_score_groups(truth, groups, classes=classes)
    everything = np.ones(len(truth), bool)
    accuracy = proportion_scores({"accuracy": (truth == named, everything)}, groups)["accuracy"]
    pairs = {
        name: (_drawn(model, name, independent), _drawn(found, name, independent)) for name in ("accuracy", "macro_f1")
    }
    above = {name: difference_with_interval(*pair) for name, pair in pairs.items()}
    return BaselineScores(accuracy, pairs["macro_f1"][1].score(), above)


def _drawn(
    found: tuple[Mapping[str, float], Mapping[str, np.ndarray]], name: str, independent: Mapping[str, float]
) -> Drawn:
    return Drawn(found[0][name], found[1].get(name), independent.get(name, 0.0))


def _groups_of_scores(
    truth: np.ndarray, named: np.ndarray, near: np.ndarray, groups: np.ndarray, classes: tuple[str, ...]
) -> dict[str, float]:
    """Returns the effective number of groups that each score rests on, by its name.

    A ranking needs images of a class and others: it rests on twice the groups of the rarer, at most on all.
    """
    number, every = len(classes), effective_groups(groups)
    found = label_score_groups(truth, groups, classes=number)
    own = class_groups(truth, groups, classes=number)
    rest = np.array([effective_groups(groups, truth != place) for place in range(number)])
    rarer = np.minimum(own, rest)
    ranked = np.where(rarer < 1.5, 0.0, np.minimum(2 * rarer, every))
    found |= dict.fromkeys(("roc_auc", "average_precision"), min(every, macro_groups(ranked)))
    for place, name in enumerate(classes):
        found |= dict.fromkeys((f"classes.{name}.recall", f"classes.{name}.f1"), own[place])
        found |= dict.fromkeys((f"classes.{name}.roc_auc", f"classes.{name}.average_precision"), ranked[place])
        found[f"classes.{name}.precision"] = effective_groups(groups, named == place)
    for part, chosen in (("near", near), ("clean", ~near)):
        inside = label_score_groups(truth[chosen], groups[chosen], classes=number)
        found |= {f"{part}.{name}": each for name, each in inside.items()}
    return found


def _proportions(
    truth: np.ndarray, named: np.ndarray, near: np.ndarray, classes: tuple[str, ...], healthy: int | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns the scores that are shares of images: which images are right, and which of them count."""
    right, everything = truth == named, np.ones(len(truth), bool)
    found = {"accuracy": (right, everything)}
    for place, name in enumerate(classes):
        found[f"classes.{name}.recall"] = (right, truth == place)
        found[f"classes.{name}.precision"] = (right, named == place)
    for part, chosen in (("near", near), ("clean", ~near)):
        found |= {f"{part}.accuracy": (right, chosen), f"{part}.share": (chosen, everything)}
    if healthy is not None:
        found["tumour_sensitivity"] = (named != healthy, truth != healthy)
        found["tumour_specificity"] = (named == healthy, truth == healthy)
    return found
