"""A run's model or models, opened once, and asked about one batch of pictures after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.descriptions import content_hash
from braintumor_tf.datasets.formats import decode, read_content
from braintumor_tf.datasets.reading import warn_of_pages
from braintumor_tf.errors import ImageReadError
from braintumor_tf.evaluation.calibration.calibration_error import LEAST
from braintumor_tf.evaluation.gate import measure_picture, read_gate
from braintumor_tf.evaluation.prediction.ensemble_file import members_of
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.evaluation.probing.features import answers_with_features
from braintumor_tf.experiments.predicting.seen_pictures import SeenPictures
from braintumor_tf.models.image_fitting import fit_picture
from braintumor_tf.predictions_table import PREDICTED, probability_columns
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

GATE, TRAINING_IMAGE, ERROR = "gate", "training_image", "error"
"""Columns: why a picture should not be answered; the training image that it is; why it could not be read."""


@dataclass(frozen=True)
class Picture:
    """A picture to ask about: its name, and its pixels or the reason why there are none."""

    name: str
    image: Image.Image | None
    md5: str = ""
    error: str = ""

    @classmethod
    def read(cls, path: str) -> Picture:
        """Reads an image file; one that cannot be read has an `error`. Of several pages the first is read, and said."""
        try:
            data = read_content(path).data
            decoded = decode(path, data)
        except ImageReadError as error:
            return cls(path, None, error=error.reason)
        warn_of_pages({path: decoded.pages} if decoded.pages > 1 else {}, stacklevel=2)
        return cls(path, decoded.opaque(), content_hash(data))


class _Member:
    """One model of a run, with its gate."""

    def __init__(self, run: Run, predictor: Predictor, weight: float, batch_size: int):
        self.predictor, self.weight, self.gate = predictor, weight, read_gate(run)
        self._answer: Callable = answers_with_features(predictor, batch_size=batch_size)
        self._batch_size = batch_size

    def ask(self, pictures: Sequence[Picture]) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns probabilities and features of pictures, each fitted to this model."""
        images = np.stack([fit_picture(self.predictor, picture.image) for picture in pictures])
        if self.gate is None or "features" not in self.gate.parts:
            return self.predictor.predict_images(images, batch_size=self._batch_size), None
        return self._answer(images)


class Asking:
    """A run that is asked about pictures; its models are loaded once.

    Args:
        run: the run; a k-fold run or an ensemble is asked with all its members.
        views: how many views of each picture are predicted, as for `predict_manifest`.
        batch_size: pictures that a model takes at once.

    Attributes:
        classes: class names in the order of the probabilities.

    Raises:
        EvaluationError: there are not that many views.
        RunError: the run has no model.
    """

    def __init__(self, run: Run, *, views: int | None, batch_size: int):
        self._members = _members(run, open_predictor(run, views=views), batch_size)
        self.classes: tuple[str, ...] = tuple(self._members[0].predictor.classes)
        manifest = run.manifest if (run.path / "manifest.csv").is_file() else pd.DataFrame(columns=["split"])
        self._seen = SeenPictures(manifest)

    def ask(self, pictures: Sequence[Picture]) -> pd.DataFrame:
        """Returns one row a picture: path, predicted, ``p_<class>``, gate, training_image, error.

        Probabilities are the model's own, NaN for a picture that could not be read.
        """
        columns = probability_columns(self.classes)
        readable = [picture for picture in pictures if picture.image is not None]
        table = pd.DataFrame({"path": [picture.name for picture in pictures], PREDICTED: ""})
        table[columns] = np.nan
        table[GATE] = [()] * len(pictures)
        table[TRAINING_IMAGE] = [
            "" if picture.image is None else self._seen.find(picture.image, picture.md5) for picture in pictures
        ]
        table[ERROR] = [picture.error for picture in pictures]
        if readable:
            rows = table.index[[picture.image is not None for picture in pictures]]
            found = [member.ask(readable) for member in self._members]
            probabilities = self._mean([answer for answer, _ in found])
            table.loc[rows, columns] = probabilities
            table.loc[rows, PREDICTED] = np.array(self.classes, dtype=object)[probabilities.argmax(axis=1)]
            table.loc[rows, GATE] = pd.Series(self._reasons(readable, [features for _, features in found]), index=rows)
        return table

    @property
    def has_gate(self) -> bool:
        """Whether the run can tell what is unlike its training images."""
        return any(member.gate is not None for member in self._members)

    def _mean(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """The weighted mean of the members' probabilities, as `evaluation.combine` has it; one model's own as is."""
        if len(answers) == 1:
            return np.asarray(answers[0], float)
        total = sum(member.weight * np.asarray(answer, np.float64) for member, answer in zip(self._members, answers))
        return total / np.maximum(total.sum(axis=1, keepdims=True), LEAST)

    def _reasons(self, pictures: Sequence[Picture], features: Sequence[np.ndarray | None]) -> list[tuple[str, ...]]:
        """What the gates say; of several, a picture is turned away where more than half turn it away."""
        asked = [(member.gate, found) for member, found in zip(self._members, features) if member.gate is not None]
        if not asked:
            return [()] * len(pictures)
        measured = [measure_picture(np.asarray(picture.image)) for picture in pictures]
        said = [gate.reasons(measured, found) for gate, found in asked]
        return [
            next(filter(None, reasons)) if 2 * sum(map(bool, reasons)) > len(reasons) else () for reasons in zip(*said)
        ]


def _members(run: Run, predictor: Predictor, batch_size: int, share: float = 1.0) -> list[_Member]:
    """The models that a run is asked with, those of ensembles of ensembles too, and what each weighs."""
    if not isinstance(predictor, Ensemble):
        return [_Member(run, predictor, share, batch_size)]
    members = zip(members_of(run), predictor.members, predictor.weights)
    return [each for (member, _), one, weight in members for each in _members(member, one, batch_size, share * weight)]
