"""From a model and a manifest to the table of predictions that every number is computed from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.content_check import known_hashes
from braintumor_tf.errors import EvaluationError, ModelError
from braintumor_tf.evaluation.prediction.ensemble_file import members_of, model_file
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
from braintumor_tf.evaluation.prediction.ensemble_weights import combine
from braintumor_tf.evaluation.prediction.test_time_views import in_views, mirrors, views_of
from braintumor_tf.models.factory import as_predictor, load_model
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.predictions_table import make_predictions
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras

BATCHES_AT_ONCE = 4
"""Batches whose images are read together."""


def predict_manifest(
    model: Predictor | keras.Model | Run | str | Path,
    manifest: pd.DataFrame,
    *,
    splits: Sequence[str] | None = ("validation", "test"),
    batch_size: int = 64,
    workers: int | None = None,
    show_progress: bool = True,
    views: int | None = None,
    mirrored: bool | None = None,
) -> pd.DataFrame:
    """Lets a model predict the images of a manifest.

    Images are read by threads a few batches ahead, in the model's size and channels, so memory does not grow with the
    number of images. The members of an ensemble, and of a k-fold run, predict one after the other, each at its own
    size.

    Args:
        model: a model of `braintumor_tf.models`, an `Ensemble`, a run, or a run's directory.
        manifest: a manifest.
        splits: which of its splits; None for all of its images.
        batch_size: images that the model takes at once.
        workers: threads that read images; None for one a core.
        show_progress: whether to show a bar.
        views: how many of `braintumor_tf.evaluation.VIEWS` of each image to predict; their mean is the answer. 1 is the
            image as it is; None too, but for an ensemble that was kept with views, which uses its own.
        mirrored: whether mirrored views are among them; None for where a run's training mirrored, and not for a model
            without a run.

    Returns:
        One row an image in the manifest's order: path, label, split, group, predicted, and ``p_<class>`` for each
        class, which add up to 1.

    Raises:
        EvaluationError: no image is in those splits, there are not that many views, or the model answered with
            something other than probabilities.
        ImageReadError: an image cannot be read, or its content is not that of the manifest.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: the run is not finished, or has no model.

    Example:
        >>> predict_manifest("models/cnn", manifest, splits=("test",), views=4)["predicted"][0]  # doctest: +SKIP
        'glioma'
    """
    rows = manifest if splits is None else manifest[manifest["split"].isin(list(splits))]
    if rows.empty:
        wanted = "in the manifest" if splits is None else f"in the splits {', '.join(splits)}"
        raise EvaluationError(f"no image is {wanted}; split the manifest first (leakage.split)")
    predictor = open_predictor(model, views=views, mirrored=mirrored)
    if isinstance(predictor, Ensemble):
        tables = [
            predict_manifest(
                member, rows, splits=None, batch_size=batch_size, workers=workers, show_progress=show_progress
            )
            for member in predictor.members
        ]
        return combine(tables, predictor.weights)
    chunks = read_ahead(rows, predictor, batch_size * BATCHES_AT_ONCE, workers)
    total = -(-len(rows) // (batch_size * BATCHES_AT_ONCE))
    found = [
        predictor.predict_images(images, batch_size=batch_size)
        for images in progress_bar(chunks, "Predicting", total=total, show=show_progress)
    ]
    return make_predictions(rows, predictor.classes, np.concatenate(found))


def open_predictor(
    model: Predictor | keras.Model | Run | str | Path, *, views: int | None = None, mirrored: bool | None = None
) -> Predictor:
    """Returns a model, or that of a run, ready to predict.

    Args:
        model: a model, an `Ensemble`, a run, or a run's directory.
        views: as for `predict_manifest`.
        mirrored: as for `predict_manifest`.

    Raises:
        EvaluationError: there are not that many views.
        ModelError: as `load_run_model`.
        RunError: as `load_run_model`.
    """
    model = Run.of_path(model)
    if isinstance(model, Run):
        run, model = model, load_run_model(model)
        mirrored = mirrors(run.config) if mirrored is None and not isinstance(model, Ensemble) else mirrored
    if isinstance(model, Ensemble):
        return model if views is None else model.in_views(views, mirrored=mirrored)
    return in_views(as_predictor(model), views, mirrored=bool(mirrored))


def load_run_model(run: Run) -> Predictor:
    """Loads the model that a run has kept, whichever kind it is; that of a k-fold run is the `Ensemble` of its folds.

    Raises:
        ModelError: the file of the model is damaged, or is another one than was scored: its SHA-256, its classes, its
            image size or its crop.
        RunError: the run is not finished, or it has no model.
    """
    run.refuse_unfinished()
    return load_kept_model(run)


def load_kept_model(run: Run) -> Predictor:
    """Loads the model of a run, as `load_run_model` does, also before the run is scored."""
    members = members_of(run)
    if not members:
        model = load_model(model_file(run))
        _refuse_other_model(run, model, ("classes", "crop", "image_size"))
        return model
    models, weights = [load_run_model(member) for member, _ in members], [weight for _, weight in members]
    mirrored = [mirrors(member.config) for member, _ in members]
    ensemble = Ensemble(models, weights, mirrored=mirrored, views=views_of(run.config))
    _refuse_other_model(run, ensemble, ("classes", "crop"))
    return ensemble


def _refuse_other_model(run: Run, model: Predictor | keras.Model, names: Sequence[str]) -> None:
    """Raises ModelError unless a model has the classes and the input that the run's ``config.json`` says it has."""
    config, predictor = run.config, as_predictor(model)
    for name in names:
        said, found = (_comparable(value) for value in (config.get(name), getattr(predictor, name)))
        if name in config and said != found:
            raise ModelError(
                f"{run.path}: its model has the {name} {found}, and its config.json says {said}; put its own files back"
            )


def _comparable(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def read_ahead(rows: pd.DataFrame, predictor: Predictor, size: int, workers: int | None) -> Iterator[np.ndarray]:
    """Yields images as a model takes them, uint8 of shape ``(up to size, height, width, channels)``.

    Args:
        rows: rows of a manifest; a file whose content is not theirs is refused.
        predictor: whose size, channels and crop they are read for.
        size: images at once; the next ones are read meanwhile.
        workers: threads that read; None for one a core.
    """
    files = list(zip(rows["path"], known_hashes(rows)))
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:

        def begin(start: int) -> list[Future[np.ndarray]]:
            return [pool.submit(read_for, predictor, path, md5=md5) for path, md5 in files[start : start + size]]

        pending = begin(0)
        try:
            for start in range(0, len(files), size):
                following = begin(start + size)
                chunk, pending = pending, following
                yield np.stack([image.result() for image in chunk])
        finally:
            for image in pending:
                image.cancel()
