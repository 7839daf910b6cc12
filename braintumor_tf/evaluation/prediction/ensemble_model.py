"""A model that is several: the members of an ensemble, how a run names them, and how they answer as one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from braintumor_tf.errors import EvaluationError, RunError
from braintumor_tf.evaluation.prediction.test_time_views import in_views
from braintumor_tf.files import file_hash, write_json
from braintumor_tf.runs import Run

FILE = "ensemble.json"
"""The file of a run that has no model of its own: its members, their weights, and the hash of each one's model."""


class Ensemble:
    """Several models behind the interface of one: its probabilities are the weighted mean of theirs.

    Args:
        models: models of any kind with the same classes.
        weights: one for each, as `normalised_weights` takes them; None for all alike.
        mirrored: whether the training of each mirrored its images, which decides the views that it may be shown.
        views: how many views of each image every member is shown (`braintumor_tf.evaluation.VIEWS`).

    Attributes:
        classes: class names in the order of the probabilities.
        image_size: the largest height and width of the members; each fits an image to its own size.
        channels: 3 if one of the members learned from RGB, else 1.
        crop: what the images of all members are cut down to, or None.
        members: the models, each with `classes`, `image_size`, `channels` and `predict_images`.
        weights: non-negative, adding up to 1.

    Raises:
        EvaluationError: there is no model, the classes or the crops differ, the weights do not fit, or there are not
            that many views.
    """

    def __init__(
        self,
        models: Sequence[Any],
        weights: Sequence[float] | None = None,
        mirrored: Sequence[bool] | None = None,
        views: int = 1,
    ):
        from braintumor_tf.models.network import as_predictor  # imports Keras

        self.weights = normalised_weights(weights, len(models))
        self.mirrored = tuple(mirrored or [False] * len(models))
        self.members = tuple(in_views(as_predictor(model), views, own) for model, own in zip(models, self.mirrored))
        self.classes: tuple[str, ...] = tuple(self.members[0].classes)
        for member in self.members[1:]:
            refuse_other_classes(self.classes, member.classes)
        self.crop = self.members[0].crop
        refuse_other_crops([member.crop for member in self.members])
        self.image_size = tuple(max(member.image_size[axis] for member in self.members) for axis in (0, 1))
        self.channels = max(member.channels for member in self.members)

    def in_views(self, views: int, mirrored: bool | None = None) -> Ensemble:
        """Returns the same ensemble with each member shown so many views, whatever it is shown here.

        Args:
            views: how many.
            mirrored: whether mirrored views are among them; None for where each member's training mirrored.
        """
        own = self.mirrored if mirrored is None else [mirrored] * len(self.members)
        return Ensemble(self.members, self.weights, own, views)

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float64 of shape ``(images, classes)``, of images as the members accept them."""
        answers = (
            np.asarray(member.predict_images(images, batch_size=batch_size), np.float64) for member in self.members
        )
        return sum(weight * answer for weight, answer in zip(self.weights, answers))


def normalised_weights(weights: Sequence[float] | None, members: int) -> np.ndarray:
    """Returns one weight for each member, adding up to 1.

    Args:
        weights: finite, none below 0, not all 0; None for all alike.
        members: how many there are.

    Raises:
        EvaluationError: there is no member, or the weights are others than that.
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


def keep_members(run: Run, members: Sequence[Run], weights: Sequence[float] | None = None) -> None:
    """Writes ``ensemble.json`` into a run: where its members lie, seen from the run, and what they weigh."""
    rows = [
        {
            "run": Path(os.path.relpath(member.path, run.path)).as_posix(),
            "weight": float(weight),
            "sha256": file_hash(model_file(member), "sha256"),
        }
        for member, weight in zip(members, normalised_weights(weights, len(members)))
    ]
    write_json(run.path / FILE, {"members": rows})


def members_of(run: Run) -> list[tuple[Run, float]]:
    """Returns the members of an ensemble or of a finished k-fold run with their weights; none for any other run.

    Raises:
        RunError: a member is gone, or its model is not the one that was scored.
    """
    if not (run.path / FILE).is_file():
        return []
    found = []
    for row in json.loads((run.path / FILE).read_text(encoding="utf-8"))["members"]:
        member = Run(run.path / row["run"])
        if file_hash(model_file(member), "sha256") != row["sha256"]:
            raise RunError(
                f"{member.path}: its model is not the one that {run.path} was made of; make the ensemble anew"
            )
        found.append((member, row["weight"]))
    return found


def model_file(run: Run) -> Path:
    """Returns the file of the model that a run has kept, whichever kind it is.

    Raises:
        RunError: it has none.
    """
    from braintumor_tf.models.registry import FILES

    names = [name for name in FILES.values() if (run.path / name).is_file()]
    return run.file(names[0] if names else next(iter(FILES.values())))


def has_folds(config: Mapping[str, Any]) -> bool:
    """Returns whether a configuration is that of a k-fold run as a whole (not of one of its folds)."""
    return "folds" in config and "fold" not in config
