"""Test-time augmentation: the same image in a few fixed poses, and the mean of what the model says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from braintumor_tf.errors import EvaluationError
from braintumor_tf.types import Predictor

View = Mapping[str, Any]

VIEWS: tuple[View, ...] = (
    {},
    {"flip_horizontal": True},
    {"theta": 5},
    {"theta": -5},
    {"zx": 0.95, "zy": 0.95},
    {"zx": 1.05, "zy": 1.05},
    {"flip_horizontal": True, "theta": 5},
    {"flip_horizontal": True, "theta": -5},
)
"""The views in order, as transform parameters of `braintumor_tf.augment.ImageDataGenerator`: the image itself,
mirrored, turned by 5 degrees to either side, 5 % larger, 5 % smaller, mirrored and turned. All are smaller than what
the presets' training augmentation draws from, and nothing about them is random."""

FILL_MODE = "nearest"
"""What comes in from outside a turned or smaller image: its border, as in the presets' augmentation."""


def choose_views(count: int, *, mirrored: bool) -> tuple[View, ...]:
    """Returns the first `count` of `VIEWS`, leaving out the mirrored ones unless asked for them.

    Args:
        count: how many; 1 is the image itself.
        mirrored: whether mirrored views may be used; only a model whose training mirrored has learned that the side
            does not matter.

    Raises:
        EvaluationError: there are not that many.

    Example:
        >>> choose_views(2, mirrored=False)
        ({}, {'theta': 5})
    """
    known = tuple(view for view in VIEWS if mirrored or "flip_horizontal" not in view)
    if not 1 <= count <= len(known):
        reason = "" if mirrored else " without the mirrored ones, because this model's training did not mirror"
        raise EvaluationError(f"views={count}: there are 1 to {len(known)} views{reason}")
    return known[:count]


def views_of(config: Mapping[str, Any]) -> int:
    """Returns how many views of each image a run's own predictions are the mean of; 1 for all but kept ensembles."""
    return config.get("views", 1)  # only ensembles name them, and older ones do not


def mirrors(config: Mapping[str, Any]) -> bool:
    """Returns whether the training that a run's configuration describes mirrored its images."""
    training = config.get("training") or {}
    return bool((training.get("augmentation") or {}).get("horizontal_flip", False))


def show(images: np.ndarray, view: View) -> np.ndarray:
    """Returns images in one view, moved about their centre by the transforms that training uses.

    Args:
        images: pixels 0 to 255, shape ``(images, height, width, channels)``.
        view: an entry of `VIEWS`.

    Returns:
        The images themselves for the first view; else float32 of the same shape.

    Example:
        >>> images = np.arange(8.0).reshape(1, 2, 4, 1)
        >>> bool((show(images, {"flip_horizontal": True}) == images[:, :, ::-1]).all())
        True
    """
    if not view:
        return images
    from braintumor_tf.augment.transform_draws import block_of_one  # imports all noise models
    from braintumor_tf.augment.warps import flip, warp

    height, width = images.shape[1:3]
    block = block_of_one(view, height, width)
    if not block.moves[0]:
        return np.stack([flip(image, True, False) for image in images.astype(np.float32)])
    linear = block.matrices[0][:, :2]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])  # Keras turns about another point where sides differ
    matrix = np.column_stack([linear, centre - linear @ centre])
    return np.stack([warp(image, matrix, fill_mode=FILL_MODE) for image in images.astype(np.float32)])


class InViews:
    """A model behind its own interface: it is shown several views of each image, and its answer is their mean.

    Args:
        predictor: the model.
        views: entries of `VIEWS`.

    Attributes:
        predictor: the model itself.
        views: as given.
        classes: those of the model.
        image_size: that of the model.
        channels: those of the model.
        crop: what the model's images are cut down to, or None.
    """

    def __init__(self, predictor: Predictor, views: Sequence[View]):
        self.predictor, self.views = predictor, tuple(views)
        self.classes, self.image_size, self.channels = predictor.classes, predictor.image_size, predictor.channels
        self.crop = predictor.crop

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns mean probabilities, float64 of shape ``(images, classes)``, of images as the model accepts them."""
        answers = [self.predictor.predict_images(show(images, view), batch_size=batch_size) for view in self.views]
        return np.mean(answers, axis=0, dtype=np.float64)


def in_views(predictor: Predictor, views: int | None, *, mirrored: bool) -> Predictor:
    """Returns a model that is shown so many views of each image.

    Args:
        predictor: the model.
        views: how many of `VIEWS`, in place of those that it is shown already; None to leave it as it is.
        mirrored: as for `choose_views`.

    Returns:
        The model itself for one view, which is the image; else `InViews`.

    Raises:
        EvaluationError: there are not that many.
    """
    if views is None:
        return predictor
    predictor = predictor.predictor if isinstance(predictor, InViews) else predictor
    chosen = choose_views(views, mirrored=mirrored)
    return predictor if len(chosen) == 1 else InViews(predictor, chosen)
