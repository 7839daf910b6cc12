"""Several models behind the interface of one: their members, their weights, and what cannot be one ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.prediction.test_time_views import in_views
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.predictions_table import check_probabilities
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras


class Ensemble:
    """Several models behind the interface of one: its probabilities are the weighted mean of theirs.

    Args:
        models: models of any kind with the same classes.
        weights: one for each, as `normalised_weights` takes them; None for equal ones.
        mirrored: whether the training of each mirrored its images, which decides the views that it may be shown.
        views: how many views of each image every member is shown (`braintumor_tf.evaluation.VIEWS`).

    Attributes:
        classes: class names in the order of the probabilities.
        image_size: the largest height and width of the members; each fits an image to its own size.
        channels: 3 if one of the members learned from RGB, else 1.
        crop: what the images of all members are cut down to, or None.
        members: the models, each a `Predictor`.
        weights: non-negative, adding up to 1.

    Raises:
        EvaluationError: there is no model, the classes or the crops differ, the weights do not fit, or there are not
            that many views.
    """

    def __init__(
        self,
        models: Sequence[Predictor | keras.Model],
        weights: Sequence[float] | None = None,
        *,
        mirrored: Sequence[bool] | None = None,
        views: int = 1,
    ):
        self.weights = normalised_weights(weights, len(models))
        self.mirrored = tuple(mirrored or [False] * len(models))
        self.members = tuple(
            in_views(as_predictor(model), views, mirrored=own) for model, own in zip(models, self.mirrored)
        )
        self.classes: tuple[str, ...] = tuple(self.members[0].classes)
        for member in self.members[1:]:
            refuse_other_classes(self.classes, member.classes)
        self.crop = self.members[0].crop
        refuse_other_crops([member.crop for member in self.members])
        self.image_size = tuple(max(member.image_size[axis] for member in self.members) for axis in (0, 1))
        self.channels = max(member.channels for member in self.members)

    def in_views(self, views: int, *, mirrored: bool | None = None) -> Ensemble:
        """Returns the same ensemble with each member shown so many views, whatever it is shown here.

        Args:
            views: how many.
            mirrored: whether mirrored views are among them; None for where each member's training mirrored.
        """
        own = self.mirrored if mirrored is None else [mirrored] * len(self.members)
        return Ensemble(self.members, self.weights, mirrored=own, views=views)

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float64 of shape ``(images, classes)``, of images as the members accept them.

        Raises:
            EvaluationError: the answers of a member are no probabilities, whatever it weighs.
        """
        answers = [
            np.asarray(member.predict_images(images, batch_size=batch_size), np.float64) for member in self.members
        ]
        for answer in answers:
            check_probabilities(answer)
        return sum(weight * answer for weight, answer in zip(self.weights, answers))


def normalised_weights(weights: Sequence[float] | None, members: int) -> np.ndarray:
    """Returns one weight for each member, adding up to 1.

    Args:
        weights: finite, not negative, not all 0; None for equal ones.
        members: how many there are.

    Raises:
        EvaluationError: there is no member, or the weights do not fit.

    Example:
        >>> normalised_weights([3, 1], 2)
        array([0.75, 0.25])
    """
    if not members:
        raise EvaluationError("an ensemble has at least one member; none is given")
    values = np.ones(members) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (members,) or not np.isfinite(values).all() or values.min() < 0 or values.sum() <= 0:
        raise EvaluationError(
            f"weights {list(np.ravel(values))} for {members} members; give one for each, none below 0, not all 0"
        )
    return values / values.sum()


def refuse_other_classes(classes: Sequence[str], others: Sequence[str]) -> None:
    """Raises EvaluationError unless both are the same classes in the same order."""
    if tuple(classes) != tuple(others):
        raise EvaluationError(
            f"the members have other classes ({', '.join(classes)}; {', '.join(others)}); "
            "only models of the same classes in the same order make an ensemble"
        )


def refuse_other_crops(crops: Sequence[str | None]) -> None:
    """Raises EvaluationError unless all members see the same of an image: one array is for all of them."""
    if len(set(crops)) > 1:
        raise EvaluationError("some members see whole images and others a crop; make an ensemble of one or the other")
