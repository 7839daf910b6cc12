"""Ensembles: the mean of what several models say of the same images, weighted by what they said of validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError, RunError
from braintumor_tf.evaluation.calibration.run_calibration import calibrate_where_possible
from braintumor_tf.evaluation.prediction.ensemble_file import FILE, keep_members, members_of
from braintumor_tf.evaluation.prediction.ensemble_model import (
    normalised_weights,
    refuse_other_classes,
    refuse_other_crops,
)
from braintumor_tf.evaluation.prediction.ensemble_weights import combine, validation_weights
from braintumor_tf.evaluation.prediction.predict import predict_manifest
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.runs import BEGINNING, PREDICTIONS, Run, data_fingerprint, undone_if_bare, writing_to

VALIDATION, EQUAL = "validation", "equal"
"""How an ensemble can be weighted beside a list of numbers."""

SHARED = ("dataset", "merge", "protocol", "external", "split_seed", "unreadable")
"""Settings that are an ensemble's own where all its members have the same: what the data were, how they were split."""


def run_ensemble(
    runs: Sequence[Run | str | Path],
    out: str | Path,
    *,
    weights: str | Sequence[float] = VALIDATION,
    baselines: bool = True,
    seed: int = 0,
    resamples: int = 1000,
    views: int = 1,
    show_progress: bool = True,
) -> Run:
    """Makes an ensemble of finished runs and scores it on their common test images.

    The result is a run without a model of its own: ``ensemble.json`` names its members, and it predicts with them. Its
    predictions are the mean of those that the members have kept; only with more views than one are the images predicted
    anew, and then everything that the ensemble is asked later is answered with as many. Where all members have the
    same split, the validation images are predicted too. The ensemble is then calibrated on them (`calibrate_run`), so
    that it can abstain; members with other validation images have none that all left alone.

    Args:
        runs: finished runs, or their directories, on the same split; one alone is worth keeping with views.
        out: the run directory of the ensemble.
        weights: ``"validation"`` for `validation_weights`, ``"equal"``, or one number for each run.
        baselines: whether to score the shortcut baselines on the same images.
        seed: of the baselines and the resamples.
        resamples: of the intervals.
        views: how many views of each image every member is shown (`braintumor_tf.evaluation.VIEWS`), also to weigh it.
        show_progress: whether to show bars.

    Returns:
        The finished run; its metrics hold the scores of each member under ``members``.

    Raises:
        EvaluationError: classes, crops or test images differ, a test image or a near-duplicate of it is in the training
            or validation images of a member that was split otherwise, the weights cannot be used, or there are not
            that many views.
        ModelError: a model is not the run's own (`load_run_model`).
        RunError: a run is missing, not finished, or an ensemble or a k-fold run itself, `out` holds a run, or another
            process is writing to `out`.

    Example:
        >>> pair = run_ensemble(["models/cnn_0", "models/cnn_1"], "models/cnn_pair")  # doctest: +SKIP
        >>> pair.metrics["macro_f1"]["value"]  # doctest: +SKIP
        0.92
    """
    with writing_to(out):
        Run(out).refuse_if_taken()
        runs = open_members(runs, weights)
        classes, manifest = runs[0].config["classes"], common_manifest(runs)
        tables = member_predictions(runs, views=views, show_progress=show_progress)
        shares = weigh(tables, weights)
        splits = ["validation", "test"] if _same_split(runs) else ["test"]
        together = combine([table[table["split"].isin(splits)] for table in tables], weights=shares)
        fitted = predict_baselines(manifest, classes, seed=seed) if baselines else None
        metrics = score_predictions(together, manifest, classes, baselines=fitted, seed=seed, resamples=resamples)
        config = {
            **_shared_settings(runs),
            "model": _model_name(runs, views),
            "classes": classes,
            "crop": runs[0].config["crop"],
            "members": [run.name for run in runs],
            "weights": weights if isinstance(weights, str) else list(weights),
            "views": views,
            "baselines": baselines,
            "seed": seed,
            "resamples": resamples,
        }
        with undone_if_bare(out, (*BEGINNING, FILE, PREDICTIONS)):
            found = Run.create(out, config, manifest)
            keep_members(found, runs, weights=shares)
            found.write_predictions(together)
            calibrate_where_possible(found)
        found.write_metrics({**metrics.to_dict(), "members": member_scores(runs, shares)})
    return found


def _shared_settings(runs: Sequence[Run]) -> dict[str, Any]:
    first, *others = [run.config for run in runs]
    return {key: first[key] for key in SHARED if key in first and all(other.get(key) == first[key] for other in others)}


def _model_name(runs: Sequence[Run], views: int) -> str:
    names = ", ".join(dict.fromkeys(str(run.config["model"]) for run in runs))
    return (f"ensemble of {names}" if len(runs) > 1 else names) + (f" ({views} views)" if views > 1 else "")


def open_members(runs: Sequence[Run | str | Path], weights: str | Sequence[float]) -> list[Run]:
    """Opens the members of a future ensemble, and refuses runs that cannot be, or whose test images others have seen.

    Raises:
        EvaluationError: classes or crops differ, a test image is known to another member, or the weights do not fit.
        RunError: a run is missing, not finished, imported, or an ensemble or a k-fold run itself.
    """
    opened = [Run.of(run) for run in runs]
    _known_weights(weights, len(opened))
    for run in opened:
        run.refuse_unfinished()
        if members_of(run):
            raise RunError(f"{run.path}: is an ensemble itself (of folds or of runs); give single runs")
        if run.imported:
            raise RunError(f"{run.path}: was imported, and which images it has seen is not known; give runs of train")
        refuse_other_classes(opened[0].config["classes"], run.config["classes"])
    refuse_other_crops([run.config["crop"] for run in opened])
    refuse_leaks(opened)
    return opened


def member_predictions(
    runs: Sequence[Run], *, views: int, show_progress: bool, splits: Sequence[str] = ("validation", "test")
) -> list[pd.DataFrame]:
    """Returns what each member says of its own images: what it has kept, or anew where it is shown several views."""
    if views == 1:
        return [run.predictions for run in runs]
    how = {"splits": splits, "show_progress": show_progress, "views": views}
    return [predict_manifest(run, run.manifest, **how) for run in runs]


def weigh(predictions: Sequence[pd.DataFrame], weights: str | Sequence[float]) -> np.ndarray:
    """Returns the weights of members, as `run_ensemble` takes them, from their predictions of validation images."""
    known = _known_weights(weights, len(predictions))
    if known is not None:
        return known
    return validation_weights([table[table["split"] == "validation"] for table in predictions])


def _known_weights(weights: str | Sequence[float], members: int) -> np.ndarray | None:
    """The weights that need no predictions; None for those that do."""
    if not isinstance(weights, str):
        return normalised_weights(weights, members)
    if weights not in (VALIDATION, EQUAL):
        raise EvaluationError(f"weights={weights!r}: give {VALIDATION!r}, {EQUAL!r} or one number for each run")
    equal = normalised_weights(None, members)
    return equal if weights == EQUAL else None


def refuse_leaks(runs: Sequence[Run]) -> None:
    """Raises EvaluationError if one run has learned from or been chosen on what another one is tested on.

    Runs on the same split are let through: what leaks inside it is the split's own, and its scores count it.
    """
    manifests = [run.manifest for run in runs]
    prints = [(data_fingerprint(each), set(zip(each["md5"], each["group"]))) for each in manifests]
    for index, tested in enumerate(manifests):
        group_of = dict(zip(tested["md5"], tested["group"]))
        test = tested[tested["split"] == "test"]
        for other, learned in enumerate(manifests):
            if prints[other] == prints[index]:
                continue
            seen = learned[learned["split"].isin(["train", "validation"])]
            groups = (set(seen["md5"].map(group_of).dropna()) | set(seen["group"])) - {""}
            known = test[test["md5"].isin(seen["md5"]) | test["group"].isin(groups)]
            if len(known):
                raise EvaluationError(
                    f"{len(known)} test images of {runs[index].path} (such as {known['path'].iloc[0]}) or "
                    f"near-duplicates of them are in the training or validation images of {runs[other].path}; "
                    "only runs on the same split make an ensemble"
                )


def _same_split(runs: Sequence[Run]) -> bool:
    return len({data_fingerprint(run.manifest) for run in runs}) == 1


def common_manifest(runs: Sequence[Run]) -> pd.DataFrame:
    """Returns the first run's manifest, in which an image that any run was trained or chosen on has that split."""
    manifest = runs[0].manifest
    for run in runs[1:]:
        other = run.manifest.drop_duplicates("path").set_index("path")["split"]
        theirs = manifest["path"].map(other)
        for split in ("validation", "train"):
            manifest["split"] = manifest["split"].mask(theirs == split, split)
    return manifest


def member_scores(runs: Sequence[Run], weights: Sequence[float]) -> list[dict[str, Any]]:
    """Returns for each member its name, its weight, and the scores that it has alone."""
    return [
        {"run": run.name, "weight": float(weight), **{name: run.metrics[name] for name in ("accuracy", "macro_f1")}}
        for run, weight in zip(runs, weights)
    ]
