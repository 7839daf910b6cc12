"""The whole road of one experiment: build, train, keep, reload, predict, score; and going on where it was killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise import describe, from_description
from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.calibration.run_calibration import calibrate_where_possible
from braintumor_tf.evaluation.prediction.ensemble_model import has_folds
from braintumor_tf.evaluation.prediction.predict import load_run_model, predict_manifest
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.models import build, describe_weights, get_spec, resolve_config
from braintumor_tf.models.registry import PIPELINE
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, TrainingError, resolve_preset, trainer_of
from braintumor_tf.types import ModelConfig


def run_experiment(
    manifest: pd.DataFrame,
    model: str = "CNN",
    out: str | Path = "models/run",
    classes: Sequence[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    weights: str | Path = "random",
    dropout: float = 0.5,
    head: Sequence[int] = (),
    crop: str | None = None,
    preset: str | Preset | None = None,
    noise: Any = None,
    baselines: Mapping[str, pd.DataFrame] | bool = True,
    seed: int = 0,
    resamples: int = 1000,
    config: Mapping[str, Any] | None = None,
    show_progress: bool = True,
    resume: bool = False,
    devices: str | Sequence[str] | None = None,
    **settings: Any,
) -> Run:
    """Trains one model on a split manifest and scores it, keeping everything in one run directory.

    The steps: the configuration and the manifest are written; the model is trained on the training images and chosen
    on the validation images; it is loaded again from its file, and that loaded model predicts validation and test,
    so what is scored is what is on disk; the test predictions are scored, and calibrated on the validation ones
    (`calibrate_run`); ``metrics.json`` comes last.

    Args:
        manifest: a manifest with groups and the splits ``train``, ``validation`` and ``test``.
        model: a name of `braintumor_tf.models.MODELS`.
        out: the run directory.
        classes: class names in order; None for the four, or the two where the labels are ``tumor`` and ``no_tumor``.
        image_size: side, or ``(height, width)``; None for the model's own.
        weights: first weights of a network, as `braintumor_tf.models.build` takes them; which file they came from and
            its hashes are written into the configuration as ``weights_used``.
        dropout: share of features dropped before the classification.
        head: units of dense layers before the classification.
        crop: ``"head"`` for a model that sees images cut down to the head, as `braintumor_tf.models.build` takes it.
        preset: training preset; None for the model's own: ``transfer`` for pretrained weights, else ``scratch``.
        noise: a noise model of `braintumor_tf.augment.noise` for the training images.
        baselines: predictions tables of the dumb baselines on the same manifest, True to make them, False for none.
        seed: of first weights, order, augmentation, noise and resamples.
        resamples: of the intervals.
        config: what else to write into ``config.json``, such as data set and protocol.
        show_progress: whether to show bars.
        resume: whether to go on where an earlier call with the same arguments was interrupted, killed even, in that
            directory: training from its last finished epoch, with the same result as if nothing had happened. A
            finished run is returned as it is; where there is none, one is started.
        devices: what to train on, as `braintumor_tf.training.on_devices` takes it. Where `join_processes` was called,
            every process trains and only the first one writes to `out`; a run that is resumed must lie where all can
            read it.
        settings: training settings that replace the preset's: epochs, batch_size, learning_rate, precision and so on.

    Returns:
        The finished run; of several processes, those on other hosts have its directory only if they share it.

    Raises:
        BrainTumorError: of the step that failed; what came before it stays in the directory.

    Example:
        >>> run = run_experiment(leakage.split(manifest), "CNN", "models/cnn_grouped", epochs=5)
        >>> run.metrics["macro_f1"]["value"]
        0.87
    """
    from braintumor_tf.training import in_precision, on_devices, resolve_precision
    from braintumor_tf.training.devices.devices import check_agreement, is_first_process, wait_for_processes

    spec = get_spec(model)
    wanted = ModelConfig(
        model=model,
        classes=classes,
        image_size=image_size,
        weights=weights,
        dropout=dropout,
        head=head,
        crop=crop,
        seed=seed,
    )
    wanted = resolve_config(wanted, labels=manifest["label"])
    classes = wanted.classes
    preset = resolve_preset(spec.preset_for(weights) if preset is None else preset, **settings)
    preset = replace(preset, precision=resolve_precision(preset.precision))
    with on_devices(devices) as names:
        _check_devices(spec, names)
        with in_precision(preset.precision):
            built = build(wanted)
        everything = {
            **(config or {}),
            "model": model,
            "classes": list(classes),
            "image_size": list(wanted.image_size),
            "weights": str(weights),
            "weights_used": describe_weights(wanted),
            "dropout": dropout,
            "head": list(head),
            "crop": crop,
            "training": preset.to_dict(),
            "noise": None if noise is None else describe(noise),
            "baselines": baselines is True or sorted(baselines or {}),
            "seed": seed,
            "resamples": resamples,
        }
        first = is_first_process()
        run = (Run.resume if resume else Run.create)(out, everything, manifest) if first else Run(out)
        check_agreement(lambda: str([resume, run.finished]), "run")
        if run.finished:
            run.remove_checkpoint()
            return run
        manifest = run.manifest if resume and first else manifest
        training = trainer_of(spec)(
            built, manifest, run=run, preset=preset, noise=noise, seed=seed, show_progress=show_progress, resume=resume
        )
    if first:
        run.write_predictions(predict_manifest(load_run_model(run), manifest, show_progress=show_progress))
        if baselines is True:
            baselines = predict_baselines(manifest, classes, seed=seed)
        metrics = score_predictions(run.predictions, manifest, classes, baselines or None, seed, resamples)
        calibrate_where_possible(run)
        run.write_metrics({**metrics, "training": {**training.to_dict(), "devices": list(names)}})
    wait_for_processes()  # until the run is scored
    return run


def _check_devices(spec: Any, names: Sequence[str]) -> None:
    if names and spec.kind == PIPELINE:
        raise TrainingError(f"{spec.name} is no network and trains on one processor; leave devices out")


_ARGUMENTS = ("model", "classes", "weights", "dropout", "head", "crop", "seed", "resamples")
_DERIVED = ("image_size", "weights_used", "training", "noise", "baselines", "data_fingerprint", "environment")


def resume_experiment(
    run: Run | str | Path, show_progress: bool = True, devices: str | Sequence[str] | None = None
) -> Run:
    """Goes on with a run that was interrupted, from what its own ``config.json`` and ``manifest.csv`` say.

    Args:
        run: the run, or its directory; a k-fold run goes on with all its folds.
        show_progress: whether to show bars.
        devices: as in `run_experiment`; they need not be those that it was started on.

    Returns:
        The finished run; one that is finished already is returned as it is.

    Raises:
        RunError: there is no such run, or it was started with objects that its configuration cannot hold.

    Example:
        >>> resume_experiment("models/cnn_grouped").finished
        True
    """
    run = Run.of(run)
    if run.finished:
        return run
    config = run.config
    if has_folds(config):
        from braintumor_tf.experiments.folds import resume_folds  # which is made of experiments

        return resume_folds(run, show_progress, devices)
    if "fold" in config:
        raise RunError(f"{run.path}: is a fold of a k-fold run; resume the whole, {run.path.parent}")
    augmentation, baselines = config["training"]["augmentation"], config["baselines"]
    if baselines not in (True, []) or any(str(value).startswith("<") for value in augmentation.values()):
        raise RunError(
            f"{run.path}: was started with a function or with ready baselines, which no file keeps; "
            "call run_experiment again with the same arguments and resume=True"
        )
    return run_experiment(
        run.manifest,
        out=run.path,
        image_size=tuple(config["image_size"]),
        preset=Preset.from_dict(config["training"]),
        noise=None if config["noise"] is None else from_description(config["noise"]),
        baselines=baselines is True,
        config={key: value for key, value in config.items() if key not in _ARGUMENTS + _DERIVED},
        show_progress=show_progress,
        resume=True,
        devices=devices,
        **{key: config[key] for key in _ARGUMENTS},
    )
