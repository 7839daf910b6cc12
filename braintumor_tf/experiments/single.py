"""One experiment from the images to the scores: build, train, keep, reload, predict, score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.evaluation.calibration.run_calibration import calibrate_where_possible
from braintumor_tf.evaluation.gate.fitting import keep_gate
from braintumor_tf.evaluation.prediction.predict import load_kept_model, predict_manifest
from braintumor_tf.evaluation.probing.origin_probe import source_probe
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.experiments.settings import ExperimentSettings
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.models import build, describe_weights, get_spec
from braintumor_tf.models.registry import PIPELINE
from braintumor_tf.runs import BEGINNING, Run, undone_if_bare, writing_to
from braintumor_tf.training import Preset, TrainingError, trainer_of
from braintumor_tf.types import ModelConfig


def run_experiment(
    manifest: pd.DataFrame,
    model: str | ModelConfig = "CNN",
    *,
    out: str | Path = "models/run",
    preset: str | Path | Preset | None = None,
    noise: Noise | None = None,
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
    on the validation images; it is loaded again from its file, and that loaded model predicts validation and test.
    So what is scored is what is on disk. The test predictions are scored, and calibrated on the validation ones
    (`calibrate_run`), and a gate is fitted that tells pictures unlike the training images (`fit_gate`). Where the
    images have several origins, it is asked whether the model's features name them (`source_probe`).
    ``metrics.json`` comes last.

    Args:
        manifest: a manifest with groups and the splits ``train``, ``validation`` and ``test``.
        model: a name of `braintumor_tf.models.MODELS`, or a configuration.
        out: the run directory.
        preset: training preset; None for the model's own: ``transfer`` for pretrained weights, else ``scratch``.
        noise: a noise model of `braintumor_tf.augment.noise` for the training images.
        baselines: predictions tables of the shortcut baselines on the same manifest, True to make them, False for no
            baselines.
        seed: of first weights, order, augmentation, noise and resamples; it takes the place of the configuration's own.
        resamples: of the intervals.
        config: what else to write into ``config.json``, such as data set and protocol.
        show_progress: whether to show bars.
        resume: whether to go on where an earlier call with the same arguments was interrupted in that directory, even
            by a kill. Training goes on from its last finished epoch, with the same result as without the interruption.
            A finished run is returned as it is; where there is no run, one is started.
        devices: what to train on, as `braintumor_tf.training.on_devices` takes it. Where `join_processes` was called,
            every process trains and only the first one writes to `out`; a run that is resumed must lie where all can
            read it.
        settings: fields of `braintumor_tf.types.ModelConfig` (classes, image_size, weights, dropout, head, crop), and
            training settings that replace the preset's (epochs, batch_size, learning_rate, precision and so on).
            ``config.json`` also says which file the weights came from, with its hashes (``weights_used``).

    Returns:
        The finished run; of several processes, those on other hosts have its directory only if they share it.

    Raises:
        ImageReadError: an image is missing, or its content is not that of the manifest; nothing is trained then.
        ModelError: the model of a run that is resumed is not the one that it wrote.
        RunError: another process is writing to `out`, it holds a run (one that is not finished needs `resume`), or a
            run that is resumed was started with other settings or images.
        BrainTumorError: of the step that failed; what came before it stays in the directory, from the first epoch on.

    Example:
        >>> run = run_experiment(manifest, "CNN", out="models/cnn", crop="head", epochs=5)  # doctest: +SKIP
        >>> run.metrics["macro_f1"]["value"]  # doctest: +SKIP
        0.87
    """
    from braintumor_tf.training.devices.devices import check_agreement, is_first_process, on_devices, wait_for_processes
    from braintumor_tf.training.devices.precision import in_precision

    made = ExperimentSettings.of(
        model,
        manifest["label"],
        preset=preset,
        seed=seed,
        settings=settings,
        noise=noise,
        baselines=baselines is True or sorted(baselines or {}),
        resamples=resamples,
        about=config or {},
    ).resolved()
    spec, first = get_spec(made.model.model), is_first_process()
    with writing_to(out) if first else nullcontext():
        with on_devices(devices) as names:
            if names and spec.kind == PIPELINE:
                raise TrainingError(f"{spec.name} is no network and trains on one processor; leave devices out")
            with in_precision(made.preset.precision):
                built = build(made.model)
            kept = {**made.to_dict(), "weights_used": describe_weights(made.model)}
            begun = Run(out).begun
            run = (Run.resume if resume else Run.create)(out, kept, manifest) if first else Run(out)
            check_agreement(lambda: str([resume, run.finished]), "run")
            if run.finished:
                run.remove_checkpoint()
                return run
            manifest = run.manifest if resume and first else manifest
            how = {"preset": made.preset, "noise": noise, "seed": seed, "show_progress": show_progress}
            with undone_if_bare(out, BEGINNING, wanted=first and not begun):
                check_contents(manifest, show_progress=show_progress)
                training = trainer_of(spec)(built, manifest, run=run, resume=resume, **how)
        if first:
            about = {"training": {**training.to_dict(), "devices": list(names)}}
            _score(run, manifest, made, baselines, about, show_progress)
        wait_for_processes()  # until the run is scored
    return run


def _score(
    run: Run,
    manifest: pd.DataFrame,
    made: ExperimentSettings,
    baselines: Mapping[str, pd.DataFrame] | bool,
    about: Mapping[str, Any],
    show_progress: bool,
) -> None:
    """Lets the model that is on disk predict, scores what it says, and ends the run with ``metrics.json``."""
    model, drawn = load_kept_model(run), {"seed": made.model.seed, "resamples": made.resamples}
    run.write_predictions(predict_manifest(model, manifest, show_progress=show_progress))
    if baselines is True:
        baselines = predict_baselines(manifest, made.model.classes, seed=made.model.seed)
    metrics = score_predictions(run.predictions, manifest, made.model.classes, baselines=baselines or None, **drawn)
    calibrate_where_possible(run)
    keep_gate(run, model, manifest, seed=made.model.seed, show_progress=show_progress)
    probe = source_probe(model, manifest, show_progress=show_progress, **drawn)
    probed = {} if probe is None else {"source_probe": probe.to_dict()}
    run.write_metrics({**metrics.to_dict(), **about, **probed})
