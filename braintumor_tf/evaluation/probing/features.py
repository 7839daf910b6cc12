"""The features that a trained model classifies by: of a network its pooled ones, of the pipeline its components."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.prediction.predict import BATCHES_AT_ONCE, open_predictor, read_ahead
from braintumor_tf.evaluation.prediction.test_time_views import InViews
from braintumor_tf.models.exported.exported_model import ExportedModel
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.predictions_table import check_probabilities
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras

    from braintumor_tf.models.network import Network


def image_features(
    model: Predictor | keras.Model | Run | str | Path,
    manifest: pd.DataFrame,
    *,
    batch_size: int = 64,
    workers: int | None = None,
    show_progress: bool = True,
) -> np.ndarray:
    """Computes what a model classifies the images of a manifest by.

    Of a network that is what its backbone gives after pooling (of a ViT the class token), before dropout and dense
    layers; of the pipeline its principal components.

    Args:
        model: a network or a pipeline of `braintumor_tf.models`, a run of one, or its directory.
        manifest: one row an image.
        batch_size: images that the model takes at once.
        workers: threads that read images; None for one a core.
        show_progress: whether to show a bar.

    Returns:
        float32 of shape ``(images, features)``.

    Raises:
        EvaluationError: the model has no features of one kind: an ensemble, or a model from elsewhere.
        ImageReadError: an image cannot be read, or its content is not that of the manifest.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: the run is not finished, or has no model.

    Example:
        >>> image_features("models/cnn", manifest).shape  # doctest: +SKIP
        (980, 256)
    """
    predictor = open_predictor(model)
    of_batch = _feature_function(predictor, batch_size)
    size = batch_size * BATCHES_AT_ONCE
    chunks = read_ahead(manifest, predictor, size, workers)
    bar = progress_bar(chunks, "Computing features", total=-(-len(manifest) // size), show=show_progress)
    return np.concatenate([of_batch(images) for images in bar])


def has_features(predictor: Predictor) -> bool:
    """Returns whether a model has features of one kind, as `image_features` computes them."""
    if isinstance(predictor, ExportedModel):
        return predictor.contract.features
    return _is_pipeline(predictor) or is_network(predictor)


def _is_pipeline(predictor: Predictor) -> bool:
    from braintumor_tf.models.pca import PCALogisticRegression  # imports scikit-learn

    return isinstance(predictor, PCALogisticRegression)


def is_network(predictor: Predictor) -> bool:
    """Returns whether a model is a network of this package; Keras is not imported for what is certainly none."""
    if isinstance(predictor, (ExportedModel, InViews)) or _is_pipeline(predictor):
        return False
    from braintumor_tf.models.network import Network

    return isinstance(predictor, Network)


def answers_with_features(
    predictor: Predictor, *, batch_size: int = 64
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]:
    """Returns a function from images to a model's probabilities and its features; a network is run once for both.

    Args:
        predictor: any model; one without features of one kind, as somebody else's, gives None for them. Where several
            views of an image are predicted, the features are those of the image as it is.
        batch_size: images that the model takes at once.

    Returns:
        A function of images as the model accepts them.
    """
    if isinstance(predictor, ExportedModel):
        return lambda images: predictor.answers_with_features(images, batch_size=batch_size)
    if is_network(predictor):
        return _network_with_features(predictor, batch_size)
    alone = predictor.predictor if isinstance(predictor, InViews) else predictor
    features = _feature_function(alone, batch_size) if has_features(alone) else None

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return predictor.predict_images(images, batch_size=batch_size), features and features(images)

    return answer


def _network_with_features(
    network: Network, batch_size: int
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]:
    import keras

    from braintumor_tf.training.frozen_features import split_at_features

    backbone, _ = split_at_features(network.model)
    both = keras.Model(network.model.input, [network.model.output, backbone.output])

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        check_images(images)
        probabilities, features = both.predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0)
        check_probabilities(probabilities)
        return probabilities, np.asarray(features, "float32")

    return answer


def _feature_function(predictor: Predictor, batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    if isinstance(predictor, ExportedModel) and predictor.contract.features:
        return lambda images: predictor.answers_with_features(images, batch_size=batch_size)[1]
    if _is_pipeline(predictor):
        return predictor.components_of
    if not is_network(predictor):
        raise EvaluationError(
            f"{type(predictor).__name__} has no features of one kind; give a network or a pipeline of "
            "braintumor_tf.models, or a run of one"
        )
    from braintumor_tf.training.frozen_features import split_at_features

    backbone, _ = split_at_features(predictor.model)
    return lambda images: np.asarray(
        backbone.predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0), "float32"
    )
