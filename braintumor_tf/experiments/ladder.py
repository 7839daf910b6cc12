"""The leak ladder: one model and the shortcut baselines under random, look-alike and patient groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.datasets.manifest import write_manifest
from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.scores.seeds import seed_means
from braintumor_tf.experiments.folds import refuse_processes
from braintumor_tf.experiments.ladder_result import METRICS, MODEL, Ladder, Rung, Scores, combine_ladders
from braintumor_tf.experiments.settings import ExperimentSettings, arguments_from, holds_functions
from braintumor_tf.experiments.single import run_experiment
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.identity.people import persons
from braintumor_tf.leakage import group
from braintumor_tf.leakage.baseline_models import predict_baselines
from braintumor_tf.leakage.rungs import LOOK_ALIKE, PATIENT_RUNG, RANDOM, RUNGS, SplitLeaks, rung_splits
from braintumor_tf.matching.fingerprints import near_pairs
from braintumor_tf.runs import LADDER, LADDER_SETTINGS, Run, undone_if_bare, writing_to
from braintumor_tf.runs.readers import read_fields, read_images
from braintumor_tf.training import Preset
from braintumor_tf.types import ModelConfig, Score, changed_settings, check_seed

IMAGES, TABLE = "manifest.csv", "ladder.csv"
"""Files of a ladder's directory, beside the directories of its runs, its settings and ``ladder.json``."""


def run_ladder(
    manifest: pd.DataFrame,
    model: str | ModelConfig = "CNN",
    *,
    out: str | Path = "models/ladder",
    preset: str | Path | Preset | None = None,
    noise: Noise | None = None,
    baselines: bool = True,
    seed: int = 0,
    seeds: int = 1,
    resamples: int = 1000,
    config: Mapping[str, Any] | None = None,
    show_progress: bool = True,
    devices: str | Sequence[str] | None = None,
    **settings: Any,
) -> Ladder:
    """Trains and scores the same model on the same images split in three ways, to show what each leak is worth.

    The rungs are ``random`` (image by image, as most publications do), ``look-alike`` (near-duplicates together, so
    that a patient may stand on both sides) and ``patient`` (near-duplicates and known patients together, the default
    everywhere else). All else is the same: images, seed, settings. Every interval is over groups of near-duplicates and
    patients, on each rung. Each rung is a run of its own, ``out/random`` and so on (`run_experiment`). Where no group
    holds a patient, the last two splits are the same, and so is their run.

    The same call goes on where it was interrupted: finished rungs are kept, one that was killed goes on from its last
    epoch. The result is written to ``ladder.json`` and ``ladder.csv``, the former also into the run of the rung
    ``patient``, whose report shows it.

    Args:
        manifest: a manifest; what its columns `group` and `split` say is not read.
        model: as for `run_experiment`.
        out: the ladder's directory.
        preset: as for `run_experiment`.
        noise: as for `run_experiment`.
        baselines: whether to score the shortcut baselines.
        seed: of the splits and of each training.
        seeds: how many ladders to make, with the seeds `seed`, ``seed + 1`` and so on, each with its own splits. With
            more than one they lie in ``out/seed_0`` and so on, and the result is their mean with an interval over seeds
            and groups together (`seed_means`).
        resamples: of the intervals.
        config: what else to write into ``config.json`` of each run, such as the data set.
        show_progress: whether to show bars.
        devices: as for `run_experiment`.
        settings: as for `run_experiment`.

    Returns:
        The ladder.

    Raises:
        SplitError: too few groups of a class.
        ImageReadError: an image is missing, or its content is not that of the manifest.
        RunError: `out` holds a run, or a ladder with other settings, images or patients, or another process is writing
            to it; nothing is changed there.
        TrainingError: several processes were joined (`join_processes`).
        BrainTumorError: of the step that failed; finished rungs stay in the directory.

    Example:
        >>> ladder = run_ladder(bt.load("data/sartaj").manifest, "PCA", out="models/ladder")  # doctest: +SKIP
        >>> [str(rung.scores["nearest_neighbour"]["accuracy"]) for rung in ladder.rungs]  # doctest: +SKIP
        ['0.90 (0.87-0.93)', '0.77 (0.70-0.83)', '0.62 (0.53-0.70)']
    """
    refuse_processes("the rungs of a ladder")
    check_seed(seed + seeds - 1)
    out = Path(out)
    how = {"preset": preset, "noise": noise, "resamples": resamples}
    about = {**(config or {}), "seeds": seeds}
    made = ExperimentSettings.of(
        model, manifest["label"], seed=seed, settings=settings, baselines=baselines, about=about, **how
    )
    pairs = near_pairs(manifest, show_progress=show_progress)
    manifest = group(manifest, pairs=pairs)
    splits = [rung_splits(manifest, seed=seed + number, pairs=pairs) for number in range(seeds)]
    with writing_to(out):
        _refuse_others(out, made, manifest)
        check_contents(manifest, splits=None, show_progress=show_progress)
        write_json(out / LADDER_SETTINGS, made.to_dict())
        write_manifest(out / IMAGES, manifest)
        how = {"show_progress": show_progress, "devices": devices}
        names = {seed + number: out / f"seed_{seed + number}" if seeds > 1 else out for number in range(seeds)}
        with undone_if_bare(out, (LADDER_SETTINGS, IMAGES)):
            ladders = [
                _one_seed(manifest, *found, made, each, folder, **how)
                for found, (each, folder) in zip(splits, names.items())
            ]
        means = _means(ladders, list(names.values()), made) if seeds > 1 else None
        ladder = combine_ladders(ladders, means=means)
        keep_ladder(ladder, out)
        for folder in names.values():
            write_json(folder / ladder.rungs[-1].run / LADDER, ladder.to_dict())
    return ladder


def resume_ladder(out: str | Path, *, show_progress: bool = True, devices: str | Sequence[str] | None = None) -> Ladder:
    """Goes on with a ladder that was interrupted, from what its own ``ladder_settings.json`` and ``manifest.csv`` say.

    Args:
        out: the ladder's directory.
        show_progress: whether to show bars.
        devices: as for `run_experiment`; they need not be those that it was started on.

    Returns:
        The finished ladder.

    Raises:
        RunError: the directory holds no ladder, or it was started with objects that no file keeps.

    Example:
        >>> resume_ladder("models/ladder").rungs[-1].name  # doctest: +SKIP
        'patient'
    """
    out = Path(out)
    if not ((out / LADDER_SETTINGS).is_file() and (out / IMAGES).is_file()):
        raise RunError(
            f"{out}: holds no ladder (no {LADDER_SETTINGS} and {IMAGES}); give the directory that --ladder made"
        )
    config = read_fields(out / LADDER_SETTINGS)
    if holds_functions(config):
        raise RunError(
            f"{out}: was started with a function, which no file keeps; call run_ladder again with the same arguments"
        )
    how = {"baselines": config["baselines"], "show_progress": show_progress, "devices": devices}
    return run_ladder(read_images(out / IMAGES), out=out, seeds=config["seeds"], **how, **arguments_from(config))


def read_ladder(path: str | Path) -> Ladder:
    """Returns the ladder of a directory that `run_ladder` has finished.

    Raises:
        RunError: it has no ``ladder.json``.

    Example:
        >>> read_ladder("models/ladder").seeds  # doctest: +SKIP
        (0,)
    """
    return Ladder.from_dict(read_fields(Run(path).file(LADDER)))


def keep_ladder(ladder: Ladder, out: str | Path) -> None:
    """Writes ``ladder.csv`` and then ``ladder.json`` into a directory."""
    write_csv(Path(out) / TABLE, ladder.table())
    write_json(Path(out) / LADDER, ladder.to_dict())


def _refuse_others(out: Path, made: ExperimentSettings, manifest: pd.DataFrame) -> None:
    """Refuses a directory that holds a run, or the rungs of another ladder, before anything in it is replaced."""
    if (out / "config.json").exists():
        raise RunError(f"{out}: holds a run; give the ladder a directory of its own")
    if not (out / LADDER_SETTINGS).exists() or not any(out.glob(f"**/{PATIENT_RUNG}/config.json")):
        return
    changed = changed_settings(made.to_dict(), read_fields(out / LADDER_SETTINGS))
    before = read_images(out / IMAGES)
    for name, columns in (("images", ["md5", "label"]), ("patients", ["md5", "patient"])):
        known = (rows.reindex(columns=columns).fillna("") for rows in (manifest, before))  # patients may be unknown
        now, then = (rows.sort_values(columns).to_numpy().tolist() for rows in known)
        changed += [name] if now != then else []
    if changed:
        raise RunError(
            f"{out}: is a ladder that was started with another {', '.join(changed)}; go on with the same, or choose "
            "another name"
        )


def _one_seed(
    manifest: pd.DataFrame,
    splits: Mapping[str, pd.DataFrame],
    leaks: Mapping[str, SplitLeaks],
    made: ExperimentSettings,
    seed: int,
    out: Path,
    *,
    show_progress: bool,
    devices: str | Sequence[str] | None,
) -> Ladder:
    """Trains the rungs of one seed, the one to believe first, and returns their ladder."""
    same = splits[LOOK_ALIKE]["split"].equals(splits[PATIENT_RUNG]["split"])
    names = {rung: PATIENT_RUNG if same and rung == LOOK_ALIKE else rung for rung in RUNGS}
    runs = {}
    for rung in (PATIENT_RUNG, LOOK_ALIKE, RANDOM):
        protocol = {"protocol": "random" if rung == RANDOM else "grouped", "grouping": names[rung]}
        runs[rung] = runs.get(names[rung]) or run_experiment(
            splits[rung],
            made.model,
            out=out / names[rung],
            preset=made.preset,
            noise=made.noise,
            baselines=bool(made.baselines),
            seed=seed,
            resamples=made.resamples,
            config={**made.about, **protocol, "split_seed": seed},
            show_progress=show_progress,
            resume=True,
            devices=devices,
        )
    people = persons(manifest)
    ladder = Ladder(
        model=made.model.model,
        seeds=(seed,),
        images=len(manifest),
        patients=int(people[people != ""].nunique()),
        known_patients=int((people != "").sum()),
        rungs=tuple(Rung(name=rung, run=names[rung], leaks=leaks[rung], scores=_scores(runs[rung])) for rung in RUNGS),
    )
    keep_ladder(ladder, out)
    return ladder


def _means(ladders: Sequence[Ladder], folders: Sequence[Path], made: ExperimentSettings) -> dict[str, Scores]:
    """Returns the mean over the seeds of every score; the baselines are fitted once more, since no run keeps them."""
    of_run: dict[str, Scores] = {}
    for name in {rung.run for rung in ladders[0].rungs}:
        runs = [Run(folder / name) for folder in folders]
        tables = {MODEL: [run.predictions for run in runs]}
        if made.baselines:
            fitted = [predict_baselines(run.manifest, made.model.classes, seed=run.config["seed"]) for run in runs]
            tables |= {row: [each[row] for each in fitted] for row in fitted[0]}
        how = {"resamples": made.resamples, "seed": made.model.seed}
        found = {row: seed_means(each, made.model.classes, **how).scores for row, each in tables.items()}
        of_run[name] = {row: {score: scores[score] for score in METRICS} for row, scores in found.items()}
    return {rung.name: of_run[rung.run] for rung in ladders[0].rungs}


def _scores(run: Run) -> dict[str, dict[str, Score]]:
    metrics = run.metrics
    rows = {MODEL: {name: Score.from_dict(metrics[name]) for name in METRICS}}
    for name, found in metrics["baselines"].items():
        rows[name] = {"accuracy": Score.from_dict(found), "macro_f1": Score.from_dict(found["macro_f1"])}
    return rows
