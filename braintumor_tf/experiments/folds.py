"""Grouped k-fold cross-validation: a run for each fold, and one run over all, in which every image is scored once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.augment.noise import describe, from_description
from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.prediction.ensemble_model import keep_members
from braintumor_tf.evaluation.prediction.predict import predict_manifest
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.experiments.fold_pooling import fold_scores, pool, pool_each
from braintumor_tf.experiments.single import run_experiment
from braintumor_tf.leakage import group, split
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.models import classes_of, get_spec, resolve_classes
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, TrainingError, resolve_preset


def run_folds(
    manifest: pd.DataFrame,
    model: str = "CNN",
    out: str | Path = "models/folds",
    folds: int = 5,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    weights: str | Path = "random",
    dropout: float = 0.5,
    head: Sequence[int] = (),
    crop: str | None = None,
    preset: str | Preset | None = None,
    noise: Any = None,
    baselines: bool = True,
    resamples: int = 1000,
    config: Mapping[str, Any] | None = None,
    show_progress: bool = True,
    resume: bool = False,
    **settings: Any,
) -> Run:
    """Trains one model for each of `folds` grouped folds, and scores every image by the one that had not seen it.

    Fold N is a run of its own in ``out/fold_N`` (`run_experiment`), with validation images cut out of the other folds.
    `out` is a run too: its ``predictions.csv`` holds the test predictions of all folds, each image once, with the
    further column `fold`, and its scores are computed from these like any other run's. So are those of its dumb
    baselines: fitted in each fold on that fold's training images, and pooled. Groups are never divided, so no image has
    a twin in what its own model was trained on, and the share of twins is 0 by construction. In its manifest every
    image is ``test``.

    Intervals of the pooled scores come from resampled groups; they do not hold how much the models of two folds differ,
    which share most of their training images. That is in ``metrics["folds"]``: the scores of each fold, their mean and
    their standard deviation. Pooled ranking scores (``roc_auc``, ``average_precision``) compare probabilities of
    different models, and can lie below the mean over the folds.

    The model of the run, wherever one is asked for, is the ensemble of its folds with equal weights.

    Args:
        manifest: a manifest; what its column `split` says is not read.
        model: a name of `braintumor_tf.models.MODELS`.
        out: the run directory.
        folds: how many, 2 or more.
        seed: of the folds, and of each training in them.
        classes: class names in order; None for the four or two of this package.
        image_size: as for `run_experiment`.
        weights: as for `run_experiment`.
        dropout: as for `run_experiment`.
        head: as for `run_experiment`.
        crop: as for `run_experiment`.
        preset: as for `run_experiment`.
        noise: as for `run_experiment`.
        baselines: whether to score the dumb baselines.
        resamples: of the intervals.
        config: what else to write into ``config.json`` of the run and of each fold.
        show_progress: whether to show bars.
        resume: whether to go on where an earlier call with the same arguments was interrupted: finished folds are kept,
            the one that was killed goes on from its last epoch.
        settings: what else `run_experiment` takes: epochs, batch_size, learning_rate, devices, and so on.

    Returns:
        The finished run.

    Raises:
        SplitError: a class has fewer groups than there are folds.
        TrainingError: several processes were joined (`join_processes`).
        BrainTumorError: of the step that failed; the folds before it stay in the directory.

    Example:
        >>> run = run_folds(leakage.group(manifest), "CNN", "models/cnn_folds", folds=5, epochs=5)
        >>> run.metrics["folds"]["mean"]["macro_f1"], run.metrics["folds"]["standard_deviation"]["macro_f1"]
        (0.87, 0.02)
    """
    from braintumor_tf.training.devices.devices import processes  # imports Keras

    if processes() > 1:
        raise TrainingError(
            f"{processes()} processes were joined; folds are trained by one, on several devices if asked"
        )
    spec, devices = get_spec(model), {key: settings.pop(key) for key in ("devices",) if key in settings}
    classes = classes_of(manifest["label"]) if classes is None else resolve_classes(classes)
    preset = resolve_preset(spec.preset_for(weights) if preset is None else preset, **settings)
    manifest = group(manifest, show_progress=show_progress) if (manifest["group"] == "").any() else manifest
    parts = [split(manifest, "kfold", seed=seed, folds=folds, fold=fold) for fold in range(folds)]
    common = {**(config or {}), "protocol": "kfold", "folds": folds}
    arguments = {"image_size": image_size, "weights": weights, "dropout": dropout, "head": head, "crop": crop}
    everything = {
        **common,
        "model": model,
        "classes": list(classes),
        **arguments,
        "weights": str(weights),
        "training": preset.to_dict(),
        "noise": None if noise is None else describe(noise),
        "baselines": bool(baselines),
        "seed": seed,
        "resamples": resamples,
    }
    run = (Run.resume if resume else Run.create)(out, everything, manifest.assign(split="test"))
    if run.finished:
        return run
    runs, beside = [], []
    for fold, part in enumerate(parts):
        beside.append(predict_baselines(part, classes, seed=seed) if baselines else {})
        runs.append(
            run_experiment(
                part,
                model,
                run.path / f"fold_{fold}",
                classes,
                preset=preset,
                noise=noise,
                seed=seed,
                baselines=beside[-1] or False,
                resamples=resamples,
                config={**common, "fold": fold},
                show_progress=show_progress,
                resume=resume,
                **arguments,
                **devices,
            )
        )
    keep_members(run, runs)
    run.write_predictions(pool([one.predictions for one in runs], manifest))
    metrics = score_predictions(run.predictions, run.manifest, classes, pool_each(beside, manifest), seed, resamples)
    run.write_metrics({**metrics, "folds": fold_scores(runs), "training": _training(runs)})
    return run


def resume_folds(run: Run, show_progress: bool = True, devices: Any = None) -> Run:
    """Goes on with a k-fold run that was interrupted, from what its own ``config.json`` and ``manifest.csv`` say.

    Args:
        run: the run over all folds.
        show_progress: whether to show bars.
        devices: as for `run_experiment`.

    Raises:
        RunError: it was started with objects that its configuration cannot hold.
    """
    config = run.config
    if any(str(value).startswith("<") for value in config["training"]["augmentation"].values()):
        raise RunError(
            f"{run.path}: was started with a function, which no file keeps; call run_folds again with the same "
            "arguments and resume=True"
        )
    names = ("model", "folds", "seed", "classes", "weights", "dropout", "head", "crop", "baselines", "resamples")
    derived = ("image_size", "training", "noise", "protocol", "data_fingerprint", "environment")
    size = config["image_size"]
    return run_folds(
        run.manifest,
        out=run.path,
        image_size=tuple(size) if isinstance(size, list) else size,
        preset=Preset.from_dict(config["training"]),
        noise=None if config["noise"] is None else from_description(config["noise"]),
        config={key: value for key, value in config.items() if key not in names + derived},
        show_progress=show_progress,
        resume=True,
        **({} if devices is None else {"devices": devices}),
        **{key: config[key] for key in names},
    )


def folds_of(run: Run) -> list[Run]:
    """Returns the runs of the folds of a k-fold run, in order."""
    return [Run.of(run.path / f"fold_{fold}") for fold in range(run.config["folds"])]


def predict_folds(run: Run, views: int | None = None, show_progress: bool = True) -> pd.DataFrame:
    """Predicts every image of a k-fold run anew by the model of the fold that had not seen it.

    Args:
        run: a finished k-fold run.
        views: as for `predict`.
        show_progress: whether to show bars.

    Returns:
        The pooled predictions, as in the run's ``predictions.csv``.
    """
    tables = [
        predict_manifest(fold, fold.manifest, ("test",), views=views, show_progress=show_progress)
        for fold in folds_of(run)
    ]
    return pool(tables, run.manifest)


def baselines_of_folds(run: Run) -> dict[str, pd.DataFrame]:
    """Fits the dumb baselines in each fold of a k-fold run anew and returns their pooled test predictions."""
    config = run.config
    fitted = [predict_baselines(fold.manifest, config["classes"], seed=config["seed"]) for fold in folds_of(run)]
    return pool_each(fitted, run.manifest)


def _training(runs: Sequence[Run]) -> dict[str, Any]:
    """What training all folds took: seconds in all, and the mean of the images a second."""
    each = [run.metrics["training"] for run in runs]
    return {
        "seconds": round(sum(one["seconds"] for one in each), 2),
        "images_per_second": round(float(np.mean([one["images_per_second"] for one in each])), 2),
        "epochs": [one["epochs"] for one in each],
    }
