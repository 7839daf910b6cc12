"""Noise robustness: the same test images clean and under noise of rising severity, the same noise for every model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from braintumor_tf.augment.noise import SEVERITIES, Noise
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
from braintumor_tf.evaluation.prediction.fold_predictions import folds_of, has_folds
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.evaluation.robustness.corruptions import SIZE, choose_corruptions
from braintumor_tf.evaluation.robustness.noisy_predictions import predict_corrupted
from braintumor_tf.evaluation.robustness.result import Robustness
from braintumor_tf.predictions_table import class_numbers
from braintumor_tf.runs import Run, writing_to
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras


def robustness(
    model: Predictor | keras.Model | Run | str | Path,
    manifest: pd.DataFrame | None = None,
    *,
    noises: Sequence[str | Noise] | None = None,
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    batch_size: int = 32,
    resamples: int = 1000,
    show_progress: bool | None = None,
    size: int | tuple[int, int] = SIZE,
) -> Robustness:
    """Scores a model on the same images clean and under noise of each severity; nothing is written.

    Every model gets the same corrupted pictures. An image is brought to `size` first. The noise is added there on 0 to
    255 and rounded. Only then is it resized to what the model takes; for a model with a `crop` it is cut down before,
    so the head has to be found in the noise. Clean images go the same way. What is drawn depends on the seed, the
    content of the file, the noise and its severity alone.

    **Severity in training and here.** Training adds noise at the model's own size, after all resizing. At 224 pixels
    that is the same thing. A smaller model here sees what resizing leaves: independent noise is averaged away, and a
    blur gets shorter with the picture. Give ``size=`` the model's size to test exactly what it was trained with; then
    only models tested at one `size` compare.

    Args:
        model: a model of `braintumor_tf.models`, an `Ensemble`, a run, or a run's directory.
        manifest: the images: those of the split ``test``, or all if it has none of that split. May be left out for a
            run, whose own test images are then scored, those of a k-fold run by the fold that had not seen them.
        noises: names of `braintumor_tf.augment.NOISE_PRESETS`, or noise models with a strength of their own (their
            severity is then 1); None for `corruptions.NOISES`, all seven.
        severities: of the named noises, some of 1 to 5.
        seed: of the noise and of the resamples; the same for all models that are compared.
        batch_size: images that the model takes at once.
        resamples: of the intervals.
        show_progress: False for no bar; None for one that appears after two seconds.
        size: side in pixels, or ``(height, width)``, of the picture that is corrupted.

    Raises:
        EvaluationError: there is no image, a label is not among the model's classes, a manifest is missing, or there
            are no such noises, severities or size.
        ImageReadError: an image cannot be read, or its content is not that of the manifest.
        NoiseError: no noise has that name.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: there is no such run, it is not finished, or it has no model.

    Example:
        >>> found = robustness("models/cnn", noises=["gaussian", "rician"], severities=(1, 3))  # doctest: +SKIP
        >>> found.losses.query("severity == 3")["value"].tolist()  # doctest: +SKIP
        [0.06, 0.11]
    """
    corruptions = choose_corruptions(noises, severities=severities)
    sides = (size, size) if isinstance(size, int) else tuple(int(side) for side in size)
    if len(sides) != 2 or min(sides) < 1:
        raise EvaluationError(f"size={size!r}; give a side in pixels, or (height, width)")
    model = Run.of_path(model)
    if isinstance(model, Run):
        model.refuse_unfinished()
    how = {"seed": seed, "size": sides, "batch_size": batch_size, "show_progress": show_progress is not False}
    tables = []
    for part, rows in _parts(model, manifest):
        predictor = open_predictor(part)
        class_numbers(rows["label"], predictor.classes)  # refuses other labels before anything is predicted
        tables.append(predict_corrupted(predictor, rows, corruptions, **how))
    settings = {
        "seed": seed,
        "size": list(sides),
        "resamples": resamples,
        "noises": [corruption.record() for corruption in corruptions],
    }
    return Robustness(_name(model), tuple(predictor.classes), _in_versions(tables), settings)


def _parts(
    model: Predictor | keras.Model | Run, manifest: pd.DataFrame | None
) -> list[tuple[Predictor | keras.Model | Run, pd.DataFrame]]:
    """Returns which model scores which images: one model all of them, or each fold its own."""
    if manifest is not None:
        rows = manifest[manifest["split"] == "test"]
        parts = [(model, manifest if rows.empty else rows)]
    elif isinstance(model, Run):
        runs = folds_of(model) if has_folds(model.config) else [model]
        parts = [(run, run.manifest[run.manifest["split"] == "test"]) for run in runs]
    else:
        raise EvaluationError("a model alone has no test images; give a manifest, or a run")
    if any(rows.empty for _, rows in parts):
        raise EvaluationError("there is no test image to score; split the manifest first (leakage.split)")
    return [(part, rows.reset_index(drop=True)) for part, rows in parts]


def _in_versions(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Joins the folds' predictions, version by version."""
    order = tables[0][["noise", "severity"]].drop_duplicates().itertuples(index=False)
    parts = [
        table[(table["noise"] == name) & (table["severity"] == severity)]
        for name, severity in order
        for table in tables
    ]
    return pd.concat(parts, ignore_index=True)


def _name(model: Predictor | keras.Model | Run) -> str:
    return "ensemble" if isinstance(model, Ensemble) else getattr(model, "name", None) or type(model).__name__


def read_robustness(run: Run | str | Path) -> Robustness:
    """Returns what `robustness` found on a run and `score_robustness` kept.

    Raises:
        RunError: there is no such run, or it was not scored under noise.
    """
    run = Run.of(run)
    found = run.robustness
    if found is None:
        run.file("robustness.json")
    return Robustness(found["name"], tuple(found["classes"]), run.robustness_predictions, found["settings"])


def score_robustness(run: Run | str | Path, **options: Any) -> Robustness:
    """Scores a run as `robustness` does, on its own test images, and keeps what was found in the run.

    Writes ``robustness_predictions.csv.gz`` and ``robustness.json``, from which the report takes its section.

    Args:
        run: the run, or its directory.
        options: as for `robustness`.

    Raises:
        RunError: another process is writing to the run.

    Example:
        >>> score_robustness("models/cnn", noises=["gaussian"]).mean_loss().value  # doctest: +SKIP
        0.05
    """
    run = Run.of(run)
    with writing_to(run.path):
        found = dataclasses.replace(robustness(run, **options), name=run.name)
        run.write_robustness(found.to_dict(), found.predictions)
    return found
