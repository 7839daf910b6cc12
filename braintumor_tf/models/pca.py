"""Logistic regression on principal components of grey pixels: the model that a network has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from braintumor_tf.datasets.reading import to_array
from braintumor_tf.errors import ModelError
from braintumor_tf.files import atomic_path
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.predictions_table import check_probabilities
from braintumor_tf.types import ModelConfig

COMPONENTS = 200
"""Principal components that are kept, or fewer where there are fewer training images or pixels."""

REGULARISATION = 0.1
"""Inverse strength of the L2 penalty (scikit-learn's ``C``) until training chooses one."""

TRUSTED_TYPES: tuple[str, ...] = ()
"""Types beyond skops's own safe ones that a model file may hold; scikit-learn's are among the safe ones."""

_FORMAT = "braintumor_tf PCA + logistic regression, 1"


class PCALogisticRegression:
    """Principal components of grey pixels, and a multinomial logistic regression on them.

    It is a `braintumor_tf.types.Predictor`.

    Args:
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` that images are resized to.
        components: principal components to keep.
        regularisation: inverse strength of the L2 penalty.
        seed: of the randomised decomposition.
        crop: what images are cut down to before they are resized, or None.
    """

    channels = 1

    def __init__(
        self,
        classes: Sequence[str],
        image_size: tuple[int, int] = (64, 64),
        *,
        components: int = COMPONENTS,
        regularisation: float = REGULARISATION,
        seed: int | None = None,
        crop: str | None = None,
    ):
        self.classes = tuple(classes)
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self.components = components
        self.regularisation = regularisation
        self.seed = seed
        self.crop = crop
        self.pipeline: Pipeline | None = None

    def fit(
        self, images: np.ndarray, labels: Sequence[str], *, class_weight: str | dict[str, float] | None = None
    ) -> PCALogisticRegression:
        """Learns from images and returns itself.

        Args:
            images: as `check_images` accepts them.
            labels: the class name of each.
            class_weight: a weight for each class name, ``"balanced"`` to weigh classes by their rarity, or None.

        Raises:
            ModelError: a label is not one of the classes, or fewer than two classes are there to learn from.
        """
        indices = self._indices(labels)
        if isinstance(class_weight, dict):
            class_weight = {self.classes.index(name): weight for name, weight in class_weight.items()}
        pixels = self._pixels(images)
        components = min(self.components, len(pixels) - 1, pixels.shape[1])
        pipeline = make_pipeline(
            PCA(components, svd_solver="randomized", random_state=0 if self.seed is None else self.seed),
            LogisticRegression(C=self.regularisation, max_iter=1000, class_weight=class_weight),
        )
        with threadpool_limits(1):  # products this small cost more in waiting threads than they take
            self.pipeline = pipeline.fit(pixels, indices)
        return self

    def components_of(self, images: np.ndarray) -> np.ndarray:
        """Returns the principal components of images, which the classification is made from.

        Args:
            images: as `check_images` accepts them, of any size.

        Returns:
            float32 of shape ``(images, components)``.

        Raises:
            ModelError: the model has not been fitted.
        """
        if self.pipeline is None:
            raise ModelError("the PCA model has not learned anything; fit or load it first")
        return self.pipeline[:-1].transform(self._pixels(images)).astype(np.float32)

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float64 of shape ``(images, classes)``; 0 for a class that was not in training.

        Args:
            images: as `check_images` accepts them, of any size.
            batch_size: has no effect on a pipeline.

        Raises:
            EvaluationError: the answers are no probabilities; the file of the model is damaged.
            ModelError: the model has not been fitted.
            ImageInputError: the images do not fit.
        """
        if self.pipeline is None:
            raise ModelError("the PCA model has not learned anything; fit or load it first")
        found = self.pipeline.predict_proba(self._pixels(images))
        probabilities = np.zeros((len(found), len(self.classes)))
        probabilities[:, self.pipeline.classes_] = found
        check_probabilities(probabilities)
        return probabilities

    def save(self, path: str | Path) -> None:
        """Writes the fitted model, its classes and its image size to a ``.skops`` file, atomically."""
        if self.pipeline is None:
            raise ModelError("the PCA model has not learned anything yet; fit it before saving")
        content = {
            "format": _FORMAT,
            "classes": list(self.classes),
            "image_size": list(self.image_size),
            "components": self.components,
            "regularisation": self.regularisation,
            "crop": self.crop,
            "pipeline": self.pipeline,
        }
        with atomic_path(path) as temporary:
            skops.io.dump(content, temporary)

    def _pixels(self, images: np.ndarray) -> np.ndarray:
        check_images(images)
        size = self.image_size
        rows = (to_array(Image.fromarray(_eight_bit(image)), grey=True, size=size).ravel() for image in images)
        return np.fromiter(rows, dtype=(np.float32, size[0] * size[1]), count=len(images)) / np.float32(255)

    def _indices(self, labels: Sequence[str]) -> np.ndarray:
        index = {name: number for number, name in enumerate(self.classes)}
        unknown = sorted(set(labels) - set(index))
        if unknown:
            raise ModelError(f"labels {', '.join(unknown)} are not among the classes {', '.join(self.classes)}")
        if len(set(labels)) < 2:
            raise ModelError("the training images are all of one class; there is nothing to tell apart")
        return np.array([index[label] for label in labels])


def build_pca(config: ModelConfig) -> PCALogisticRegression:
    """Builds an unfitted pipeline from a resolved configuration; weights and dropout have no effect on it.

    Raises:
        ModelError: dense layers were asked for.
    """
    if config.head:
        raise ModelError(f"{config.model} is a logistic regression and has no dense layers; leave out head")
    return PCALogisticRegression(config.classes, config.image_size, seed=config.seed, crop=config.crop)


def load_pca(path: str | Path) -> PCALogisticRegression:
    """Loads a file that `PCALogisticRegression.save` wrote; only trusted types are built, so no code of the file runs.

    Raises:
        ModelError: the file is damaged, holds a type that is not trusted, or is no such model.
    """
    try:
        untrusted = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
        if untrusted:
            raise ModelError(f"{path}: holds types that are not trusted ({', '.join(sorted(untrusted))}); not loaded")
        content = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except ModelError:
        raise
    except Exception as error:  # a damaged file makes skops raise nearly any type
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{path}: not a model file that can be loaded ({reason}); train again") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ModelError(f"{path}: holds something else than a PCA model of this package")
    return _from_content(content, path)


def _from_content(content: dict[str, Any], path: str | Path) -> PCALogisticRegression:
    """Puts a model together from the parts that `PCALogisticRegression.save` wrote."""
    try:
        settings = {key: content[key] for key in ("classes", "image_size", "components", "regularisation")}
        model = PCALogisticRegression(**settings, crop=content.get("crop"))
        model.pipeline = content["pipeline"]
        pixels = np.zeros((1, *model.image_size, 1), np.uint8)
        if model.predict_images(pixels).shape != (1, len(model.classes)):
            raise ValueError("its classes and its pipeline do not fit")
    except Exception as error:
        reason = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ModelError(f"{path}: damaged, a part of the model is wrong or missing ({reason}); train again") from error
    return model


def _eight_bit(image: np.ndarray) -> np.ndarray:
    pixels = image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
