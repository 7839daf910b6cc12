"""What a finished run says of single image files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError, ImageReadError
from braintumor_tf.evaluation.calibration.abstention import answering
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
from braintumor_tf.evaluation.prediction.ensemble_weights import combine
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.predictions_table import PREDICTED, check_probabilities, probability_columns
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor


def predict_files(
    run: Run | str | Path,
    paths: Iterable[str | Path],
    *,
    batch_size: int = 64,
    show_progress: bool = True,
    views: int | None = None,
    abstain: bool = False,
    coverage: float | None = None,
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    """Predicts single image files.

    ``p_<class>`` are always the model's own probabilities, without a temperature: those that the run's scores were
    computed from. Only `abstain` adds calibrated ones, in columns of their own, beside the temperature and what it did
    on the run's test images; they are never exchanged for the others, whatever it did.

    Args:
        run: the run whose model is asked, or its directory; a k-fold run or an ensemble answers with all its members.
        paths: image files.
        batch_size: images that are read and predicted at once.
        show_progress: whether to show a bar.
        views: how many views of each image are predicted, as for `predict_manifest`.
        abstain: whether "I don't know" is an answer: adds the columns of `abstention.Answering.add_to`, ``answer``
            (a class, or ``"unknown"``), ``set``, ``calibrated_<class>``, ``temperature``, ``temperature_on_test`` and
            ``larger_errors``.
        coverage: how often the set must hold the true class, for each class, between 0 and 1; None for what the run was
            calibrated for. Giving one asks for `abstain`.

    Returns:
        One row a readable image in the order given: path, predicted, and ``p_<class>`` for each class; and an error for
        each unreadable one.

    Raises:
        EvaluationError: there are not that many views, or the run cannot abstain: it has no validation predictions, or
            other views are asked for than it was calibrated on. Also where the model's answers are no probabilities.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: there is no such run, it is not finished, or it has no model.

    Example:
        >>> table, errors = predict_files("models/cnn", ["slice_1.png"])  # doctest: +SKIP
        >>> table["predicted"][0]  # doctest: +SKIP
        'glioma'
    """
    run = Run.of(run)
    run.refuse_unfinished()
    paths = [str(path) for path in paths]
    if not abstain and coverage is None:
        return _predict(run, paths, views, batch_size, show_progress)
    own = views_of(run.config)
    if views not in (None, own):
        raise EvaluationError(f"views={views}: this run is calibrated on views={own}; leave views out")
    answers = answering(run, coverage=coverage)  # before anything is predicted
    table, errors = _predict(run, paths, None, batch_size, show_progress)
    return answers.add_to(table), errors


def _predict(
    run: Run | str | Path, paths: Sequence[str], views: int | None, batch_size: int, show_progress: bool
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    """Predicts by one model, or by the members of an ensemble one after the other, each at its own size."""
    predictor = open_predictor(run, views=views)
    if not isinstance(predictor, Ensemble):
        return _predict_by(predictor, paths, batch_size, show_progress)
    found = [_predict_by(member, paths, batch_size, show_progress) for member in predictor.members]
    return combine([table for table, _ in found], weights=predictor.weights), found[0][1]


def _predict_by(
    predictor: Predictor, paths: Sequence[str], batch_size: int, show_progress: bool
) -> tuple[pd.DataFrame, list[ImageReadError]]:
    starts = range(0, len(paths), batch_size)
    tables, errors = [], []
    for start in progress_bar(starts, "Predicting", total=len(starts), show=show_progress):
        readable, images = [], []
        for path in paths[start : start + batch_size]:
            try:
                images.append(read_for(predictor, path))
                readable.append(path)
            except ImageReadError as error:
                errors.append(error)
        if images:
            found = predictor.predict_images(np.stack(images), batch_size=batch_size)
            tables.append(_table(readable, predictor.classes, found))
    empty = _table([], predictor.classes, np.empty((0, len(predictor.classes))))
    return pd.concat(tables or [empty], ignore_index=True), errors


def _table(paths: Sequence[str], classes: Sequence[str], probabilities: np.ndarray) -> pd.DataFrame:
    """Puts the model's own probabilities beside paths: unlike those of a run, they are not divided by their sum.

    Raises:
        EvaluationError: they are no probabilities.
    """
    check_probabilities(probabilities)
    columns = dict(zip(probability_columns(classes), probabilities.astype(float).T))
    predicted = [classes[place] for place in probabilities.argmax(axis=1)]
    return pd.DataFrame({"path": list(paths), PREDICTED: predicted, **columns})
