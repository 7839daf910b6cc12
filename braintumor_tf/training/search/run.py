"""Searching for good training settings: many short trainings, judged on validation, by any number of processes."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from braintumor_tf.augment.noise import Noise
from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.errors import SearchError, TrainingError
from braintumor_tf.models import build, get_spec
from braintumor_tf.models.registry import NETWORK
from braintumor_tf.training.batches import split_rows
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.search.plan import Plan, make_plan
from braintumor_tf.training.search.results import Search, read_search, write_search
from braintumor_tf.training.settings import split_settings
from braintumor_tf.types import ModelConfig

POLL_SECONDS = 1.0
"""How often a process looks whether other processes have finished their last trials."""


def run_search(
    manifest: pd.DataFrame,
    model: str | ModelConfig = "CNN",
    *,
    out: str | Path = "models/search",
    trials: int = 20,
    space: Mapping[str, Any] | Iterable[str] | None = None,
    storage: str | Path | None = None,
    seed: int = 0,
    preset: str | Path | Preset | None = None,
    prune: bool = True,
    noise: Noise | None = None,
    name: str = "search",
    show_progress: bool = True,
    **settings: Any,
) -> Search:
    """Searches for the training settings that score best on the validation images; the test images are never read.

    Each trial draws a value for every parameter of the space (Optuna's multivariate TPE: at random at first, then near
    what scored well), builds the model, trains it with `fit` and is judged by the preset's monitor. Hopeless trials are
    ended early. The best score is that of the best of many, so it is too good; train the best settings once with
    `run_experiment`, which reads the test images once.

    **Several processes**, on one machine or on many, work at the same search when each makes this call with the same
    `storage` (by default the journal file in `out`); `trials` counts for all of them together, and each returns when
    all trials are over. A trial whose process was killed is given to another one, with the same values and seed: at
    once on the same machine, after three minutes of silence on others (whose clocks must agree); after three attempts
    it counts as failed. Ctrl-C keeps the finished trials; the same call goes on. So does a call with more `trials`. A
    trial whose loss is not finite, or that needs too much memory, counts as failed and the search goes on.

    Repeatable: one process alone makes the same trials with the same scores on the same CPU, also when it was killed
    and called again. With several, what a trial draws depends on which others have finished.

    Args:
        manifest: a manifest with the splits ``train`` and ``validation``.
        model: a network of `braintumor_tf.models.MODELS`, or what it is built from; each trial has a seed of its own.
        out: folder for ``trials.csv``, ``best.json`` (the best preset), ``search.json`` and the journal file.
        trials: trials of the whole search.
        space: what is searched, as `braintumor_tf.training.resolve_space` takes it: None for the preset's default,
            names to search these alone, or ranges of your own.
        storage: where trials are kept: a URL of Optuna, such as ``sqlite:///study.db``, or the path of a journal file;
            None for ``out/study.log``.
        seed: decides what is drawn, and the seed of each trial.
        preset: what is not searched; None for the model's own.
        prune: whether hopeless trials are ended early.
        noise: a noise model for the training images.
        name: of the study; one database can hold several.
        show_progress: whether to show bars.
        settings: fields of `ModelConfig`, which replace those of `model`, and of the preset, which are not searched.
            The dropout can be both: it is what models have where it is not searched.

    Returns:
        All trials and the best settings.

    Raises:
        SearchError: Optuna is missing, the space is not valid, the study is one of another model, space, preset, seed
            or data, or no trial has finished.
        TrainingError: a split is empty, or a setting is not known.
        ImageReadError: an image is missing, or its content is not that of the manifest.

    Example:
        >>> wanted = ["learning_rate", "epochs"]
        >>> found = run_search(manifest, "CNN", out="models/cnn_search", space=wanted)  # doctest: +SKIP
        >>> run = run_experiment(manifest, out="models/cnn_best", **found.arguments)  # doctest: +SKIP
        >>> run.metrics["training"]["best"]["score"] == found.score  # doctest: +SKIP
        True
    """
    if trials < 1:
        raise SearchError(f"trials must be at least 1, not {trials!r}")
    model_settings, training_settings = split_settings(settings)
    config = ModelConfig.of(model, **model_settings)
    if get_spec(config.model).kind != NETWORK:
        raise SearchError(f"{config.model} is not trained in epochs and has nothing to search; choose a network")
    shared_study = _study_class()
    plan = make_plan(manifest, config, space=space, preset=preset, settings=training_settings, noise=noise, seed=seed)
    seen = manifest[manifest["split"].isin(("train", "validation"))].reset_index(drop=True)
    for split in ("train", "validation"):
        split_rows(seen, split, plan.model.classes)
    check_contents(seen, show_progress=show_progress)
    out = Path(out)
    agreed = {**plan.settings(manifest), "prune": prune}
    study = shared_study(
        storage or out / "study.log",
        name=name,
        settings=agreed,
        space=plan.space,
        monitor=plan.preset.monitor,
        seed=seed,
        prune=prune,
    )
    _work(study, plan, seen, trials, out, show_progress)
    return read_search(study, plan, out)


def _work(study: Any, plan: Plan, manifest: pd.DataFrame, trials: int, out: Path, show_progress: bool) -> None:
    """Makes trials until the study has had enough, and waits for those of others."""
    with tqdm(desc="Searching", total=trials, unit="trial", delay=2.0, disable=not show_progress, leave=False) as bar:
        while True:
            trial = study.start_trial(trials)
            if trial is not None:
                try:
                    _run_trial(study, trial, plan, manifest, show_progress)
                finally:
                    write_search(study, plan, out)
            elif study.running:
                time.sleep(POLL_SECONDS)
            else:
                break
            bar.n = study.finished
            bar.set_postfix_str("" if study.best is None else f"best {plan.preset.monitor} {study.best.value:.3f}")
    write_search(study, plan, out)


def _run_trial(study: Any, trial: Any, plan: Plan, manifest: pd.DataFrame, show_progress: bool) -> None:
    import optuna

    from braintumor_tf.training.search.heartbeat import keep_alive
    from braintumor_tf.training.search.sampler import ReportToStudy

    states = optuna.trial.TrialState
    started = time.perf_counter()
    try:
        arguments = plan.arguments(trial.params, trial.user_attrs["seed"])
        report = ReportToStudy(trial, monitor=plan.preset.monitor, epochs=arguments["preset"].epochs)
        with keep_alive(trial):
            training = _train(arguments, manifest, report, show_progress)
        about = {"best_epoch": training.best["epoch"], "epochs_run": len(training.history)}
        ending = (states.COMPLETE, training.best["score"], about)
    except optuna.TrialPruned as pruned:
        ending = (states.PRUNED, None, {"reason": str(pruned), "epochs_run": report.epochs_run})
    except optuna.exceptions.UpdateFinishedTrialError:
        return  # others took this process for dead, gave the trial up and try it again
    except Exception as error:
        if not (isinstance(error, TrainingError) or _is_out_of_memory(error)):
            study.requeue(trial)
            raise
        ending = (states.FAIL, None, {"reason": " ".join(str(error).split())[:300] or type(error).__name__})
    except BaseException:
        study.requeue(trial)
        raise
    state, score, about = ending
    study.end_trial(trial, state, score, seconds=round(time.perf_counter() - started, 2), **about)
    gc.collect()  # a Keras model is a cycle: without this the next one is built while it still holds its memory


def _train(arguments: Mapping[str, Any], manifest: pd.DataFrame, report: Any, show_progress: bool) -> Any:
    """Trains one model as `run_experiment` would, without a directory."""
    from braintumor_tf.training.devices.precision import in_precision
    from braintumor_tf.training.fitting import fit

    config = ModelConfig(**{name: arguments[name] for name in ModelConfig.names()})
    preset, noise, seed = (arguments[key] for key in ("preset", "noise", "seed"))
    with in_precision(preset.precision):
        model = build(config)
    return fit(model, manifest, preset=preset, noise=noise, seed=seed, show_progress=show_progress, callbacks=[report])


def _is_out_of_memory(error: Exception) -> bool:
    words = f"{type(error).__name__} {error}".lower().replace("_", "")
    return isinstance(error, MemoryError) or "resourceexhausted" in words or "out of memory" in words


def _study_class() -> Any:
    """Imports and returns `SharedStudy`, which needs Optuna."""
    try:
        from braintumor_tf.training.search.study import SharedStudy
    except ModuleNotFoundError as error:
        if error.name not in ("optuna", "sqlalchemy"):
            raise
        raise SearchError('a search needs Optuna; install it with: pip install "braintumor_tf[tune]"') from None
    return SharedStudy
