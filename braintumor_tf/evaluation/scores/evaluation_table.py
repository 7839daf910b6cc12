"""Scoring predictions: every score with its interval, twins and the rest apart, the dumb baselines beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores import weighted_metrics as formulas
from braintumor_tf.evaluation.scores.group_bootstrap import CONFIDENCE, group_numbers, group_weights, score
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.leakage.splits import OVERLAP

Values = dict[str, np.ndarray]


def score_predictions(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    baselines: Mapping[str, pd.DataFrame] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    split: str = "test",
) -> dict[str, Any]:
    """Scores the predictions of one split.

    A score is ``{"value", "low", "high"}``, the ends of a 95 % percentile bootstrap over groups; None stands for
    what is undefined (a class without images, fewer than two groups). Macro scores are means over the classes that
    have images; ``roc_auc`` and ``average_precision`` are macro means of one class against the rest.

    Args:
        predictions: a predictions table; only the rows of `split` are scored.
        manifest: the split manifest; it says which images have a twin (an image of the same group) in training.
        classes: class names in order.
        baselines: predictions tables of dumb baselines by name, scored on the same images.
        seed: of the resamples.
        resamples: how many times groups are drawn.
        split: which split to score.

    Returns:
        The dictionary of ``metrics.json``: ``images``, ``groups``, ``overlap`` (images of another data set that were
        left out because a near-duplicate is in training), ``classes_order``, the scores, ``classes``,
        ``confusion_matrix``, ``missed_tumours``, ``false_alarms``, ``twins``, ``clean``, ``baselines``. The last has
        for each baseline its accuracy, ``macro_f1``, and under ``model_above`` what the model has more of either;
        ``twins.above_clean`` is what its accuracy on twins has over that on the rest. The intervals of both
        differences are paired: each resample draws the same groups for the two that are compared.

    Raises:
        EvaluationError: no row is of that split, or labels or columns do not fit the classes.

    Example:
        >>> metrics = evaluate(run.predictions, run.manifest, CLASSES)
        >>> metrics["macro_f1"]["value"]
        0.91
    """
    classes = tuple(classes)
    rows = _scored_rows(predictions, classes, split)
    groups = group_numbers(rows["group"])
    twin = near_duplicate_in_training(rows, manifest).to_numpy()
    value, resampled = _score_all(rows, classes, groups, twin, seed, resamples)
    scores = {name: score(value[name][0], resampled.get(name)) for name in value}
    return {
        "split": split,
        "images": len(rows),
        "groups": int(groups.max()) + 1,
        "overlap": int((manifest["split"] == OVERLAP).sum()),
        "classes_order": list(classes),
        "interval": {"confidence": CONFIDENCE, "resamples": resamples, "over": "groups", "seed": seed},
        **{name: entry for name, entry in scores.items() if "." not in name},
        "classes": {
            name: {
                **_nested(scores, f"classes.{name}."),
                "support": int((rows["label"] == name).sum()),
            }
            for name in classes
        },
        **_tumour_counts(rows, classes),
        "confusion_matrix": _confusion_table(rows, classes),
        "twins": {**_nested(scores, "twins."), "images": int(twin.sum())},
        "clean": {**_nested(scores, "clean."), "images": int((~twin).sum())},
        "baselines": {
            name: _baseline(_beside(table, rows, classes, split), rows, classes, (value, resampled), seed, resamples)
            for name, table in (baselines or {}).items()
        },
    }


def _scored_rows(predictions: pd.DataFrame, classes: tuple[str, ...], split: str) -> pd.DataFrame:
    columns = [f"p_{name}" for name in classes]
    missing = [name for name in ("label", "split", "group", "predicted", *columns) if name not in predictions]
    if missing:
        raise EvaluationError(
            f"the predictions have no column {', '.join(missing)}; the classes are {', '.join(classes)}"
        )
    rows = predictions[predictions["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise EvaluationError(f"no prediction is of the {split} split; there is nothing to score")
    unknown = sorted((set(rows["label"]) | set(rows["predicted"])) - set(classes))
    if unknown:
        raise EvaluationError(f"label {', '.join(unknown)} is none of the classes {', '.join(classes)}")
    if not np.isfinite(rows[columns].to_numpy(float)).all():
        raise EvaluationError("the predictions hold a probability that is no finite number; predict again")
    return rows


def _score_all(
    rows: pd.DataFrame, classes: tuple[str, ...], groups: np.ndarray, twin: np.ndarray, seed: int, resamples: int
) -> tuple[Values, Values]:
    """Returns every score of the images themselves, and of each resample."""
    number = {name: index for index, name in enumerate(classes)}
    truth = rows["label"].map(number).to_numpy(int)
    predicted = rows["predicted"].map(number).to_numpy(int)
    chances = rows[[f"p_{name}" for name in classes]].to_numpy(float)

    def scores(weights: np.ndarray) -> Values:
        return _weighted_scores(truth, predicted, chances, twin, weights, classes)

    return scores(np.ones((1, len(rows)))), _resample(scores, groups, seed, resamples)


def _resample(scores: Any, groups: np.ndarray, seed: int, resamples: int) -> Values:
    if groups.max() < 1:
        return {}  # one group drawn again and again would look like certainty
    pieces = [scores(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]} if pieces else {}


def _weighted_scores(
    truth: np.ndarray,
    predicted: np.ndarray,
    chances: np.ndarray,
    twin: np.ndarray,
    weights: np.ndarray,
    classes: tuple[str, ...],
) -> Values:
    confusion = formulas.weighted_confusion(truth, predicted, weights, classes=len(classes))
    ranked = [formulas.ranking_scores(truth == index, chances[:, index], weights) for index in range(len(classes))]
    roc_auc, average_precision = (np.stack([pair[which] for pair in ranked], axis=1) for which in (0, 1))
    values = {**_label_scores(confusion)}
    values["roc_auc"] = formulas.macro(roc_auc)
    values["average_precision"] = formulas.macro(average_precision)
    undefined = np.full(len(weights), np.nan)
    values["tumour_sensitivity"], values["tumour_specificity"] = (
        formulas.tumour_rates(confusion, classes.index(NO_TUMOR)) if NO_TUMOR in classes else (undefined, undefined)
    )
    for_each = {
        "precision": formulas.precision(confusion),
        "recall": formulas.recall(confusion),
        "f1": formulas.f1(confusion),
        "roc_auc": roc_auc,
        "average_precision": average_precision,
    }
    for index, name in enumerate(classes):
        values.update({f"classes.{name}.{kind}": found[:, index] for kind, found in for_each.items()})
    for part, chosen in (("twins", twin), ("clean", ~twin)):
        inside = formulas.weighted_confusion(truth[chosen], predicted[chosen], weights[:, chosen], classes=len(classes))
        values.update({f"{part}.{name}": found for name, found in _label_scores(inside).items()})
        values[f"{part}.share"] = formulas.ratio(weights[:, chosen].sum(axis=1), weights.sum(axis=1))
    values["twins.above_clean"] = values["twins.accuracy"] - values["clean.accuracy"]
    return values


def _label_scores(confusion: np.ndarray) -> Values:
    recall = formulas.recall(confusion)
    return {
        "accuracy": formulas.accuracy(confusion),
        "balanced_accuracy": formulas.macro(recall),
        "macro_precision": formulas.macro_precision(confusion),
        "macro_recall": formulas.macro(recall),
        "macro_f1": formulas.macro(formulas.f1(confusion)),
    }


def _nested(scores: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): entry for name, entry in scores.items() if name.startswith(prefix)}


def _tumour_counts(rows: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, int | None]:
    """Counts tumours called healthy, and healthy images called a tumour; None without a healthy class."""
    if NO_TUMOR not in classes:
        return {"missed_tumours": None, "false_alarms": None}
    kinds = error_kinds(rows)
    return {
        "missed_tumours": int((kinds == "missed tumour").sum()),
        "false_alarms": int((kinds == "false alarm").sum()),
    }


def error_kinds(rows: pd.DataFrame) -> pd.Series:
    """Names each prediction's error: ``missed tumour``, ``false alarm``, ``wrong type``, or an empty text for none."""
    kinds = pd.Series("wrong type", index=rows.index, dtype=object)
    kinds[(rows["label"] != NO_TUMOR) & (rows["predicted"] == NO_TUMOR)] = "missed tumour"
    kinds[(rows["label"] == NO_TUMOR) & (rows["predicted"] != NO_TUMOR)] = "false alarm"
    kinds[rows["label"] == rows["predicted"]] = ""
    return kinds


def _confusion_table(rows: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    table = pd.crosstab(rows["label"], rows["predicted"]).reindex(
        index=list(classes), columns=list(classes), fill_value=0
    )
    return {"labels": list(classes), "counts": table.to_numpy().tolist()}


def _beside(table: pd.DataFrame, model_rows: pd.DataFrame, classes: tuple[str, ...], split: str) -> np.ndarray:
    """Returns what a baseline names each image that the model was scored on, in the model's order."""
    rows = _scored_rows(table, classes, split)
    order, place = (np.argsort(one["path"].to_numpy(object), kind="stable") for one in (rows, model_rows))
    named = np.empty(len(model_rows), object)
    if len(rows) != len(model_rows) or (rows["path"].to_numpy()[order] != model_rows["path"].to_numpy()[place]).any():
        raise EvaluationError("a baseline predicted other images than the model; use the same manifest for both")
    named[place] = rows["predicted"].to_numpy(object)[order]
    return named


def _baseline(
    named: np.ndarray,
    rows: pd.DataFrame,
    classes: tuple[str, ...],
    model: tuple[Values, Values],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Scores a baseline, and the model less the baseline; the same seed draws the same groups for both."""
    number = {name: index for index, name in enumerate(classes)}
    truth, predicted = rows["label"].map(number).to_numpy(int), np.array([number[name] for name in named])

    def scores(weights: np.ndarray) -> Values:
        return _label_scores(formulas.weighted_confusion(truth, predicted, weights, classes=len(classes)))

    found = scores(np.ones((1, len(rows)))), _resample(scores, group_numbers(rows["group"]), seed, resamples)
    own, above = {}, {}
    for name in ("accuracy", "macro_f1"):
        value, drawn = (one.get(name) for one in found)
        own[name] = score(value[0], drawn)
        above[name] = score(model[0][name][0] - value[0], None if drawn is None else model[1][name] - drawn)
    return {**own["accuracy"], "macro_f1": own["macro_f1"], "model_above": above}
