"""The gate itself: what it knows of the training images, and what it says of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braintumor_tf.errors import RunError
from braintumor_tf.evaluation.gate.picture_measures import MEASURES, PictureMeasures
from braintumor_tf.files import atomic_path

SMALLEST = 32
"""A picture with a shorter side is too small to be answered."""

NEIGHBOURS = 5
"""A distance is the mean over so many nearest training images."""

_FLAT = 2 / 255
_NOISE = 0.5
_PARTS = ("measures", "shape", "features")
_TEXTS = {
    "measures": "grey levels and layout together are unlike those of any training image",
    "shape": "it is laid out unlike any training image",
    "features": "what the model sees in it lies far from the training images",
}


@dataclass(frozen=True)
class Neighbourhood:
    """Training images as points, and how far from them a picture may lie.

    Attributes:
        points: float, shape ``(images, features)``.
        limit: the largest mean distance to the `NEIGHBOURS` nearest that passes.
    """

    points: np.ndarray
    limit: float

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Returns the mean distance of each point to its nearest training images, in units of the limit."""
        return mean_distances(self.points, points) / self.limit


@dataclass(frozen=True)
class Gate:
    """What a run's training images look like, and how far from them a picture may lie.

    Three distances are asked: in what is measured of the picture (`MEASURES`, standardised over the training images),
    in how grey is laid out inside the head, and in the model's own features (their direction; Sun et al. 2022,
    "Out-of-distribution detection with deep nearest neighbors"). A picture passes if none is over its limit, which
    comes from validation images.

    Attributes:
        centre: mean of each measure over training images.
        spread: standard deviation of each measure, at least 0.02.
        lowest: least value of each measure in training and validation.
        highest: largest value of each.
        parts: ``measures``, ``shape`` and ``features``; the last is missing for a model that has none.
        reference: training images that are kept.
        validation: validation images that the limits come from.
    """

    centre: np.ndarray
    spread: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    parts: dict[str, Neighbourhood]
    reference: int
    validation: int

    def reasons(self, pictures: Sequence[PictureMeasures], features: np.ndarray | None = None) -> list[tuple[str, ...]]:
        """Says why pictures should not be answered.

        Args:
            pictures: of `measure_picture`.
            features: the model's, shape ``(pictures, features)``; None where they are not at hand.

        Returns:
            For each picture its reasons as short sentences without a full stop; an empty tuple where it passes.
        """
        measures = np.array([picture.values for picture in pictures])
        given = {"measures": (measures - self.centre) / self.spread, "shape": [picture.shape for picture in pictures]}
        if features is not None:
            given["features"] = directions(features)
        far = {name: self.parts[name].distances(given[name]) for name in _PARTS if name in given and name in self.parts}
        return [
            self._reasons(picture, {name: found[place] for name, found in far.items()})
            for place, picture in enumerate(pictures)
        ]

    def _reasons(self, picture: PictureMeasures, far: dict[str, float]) -> tuple[str, ...]:
        size, named = picture.size, dict(zip(MEASURES, picture.values))
        if min(size) < SMALLEST:
            return (f"it has only {size[1]} x {size[0]} pixels",)
        if named["contrast"] < _FLAT:
            return ("it is of one grey level all over",)
        if named["smoothness"] < min(_NOISE, self.lowest[list(MEASURES).index("smoothness")]):
            return (f"it is noise: neighbouring pixels correlate by {named['smoothness']:.2f}",)
        found = []
        for name, distance in far.items():
            if distance > 1:
                text = self._outside(picture.values) if name == "measures" else ""
                found.append(text or f"{_TEXTS[name]} ({distance:.1f} times the limit)")
        return tuple(found)

    def _outside(self, measures: np.ndarray) -> str:
        """Names the measure that lies farthest outside what training and validation images have; "" if none does."""
        beyond = np.maximum(self.lowest - measures, measures - self.highest) / self.spread
        place = int(beyond.argmax())
        if beyond[place] <= 0:
            return ""
        way = "above" if measures[place] > self.highest[place] else "below"
        return f"{list(MEASURES.values())[place]} is {way} that of every training image"

    def write(self, path: str | Path) -> Path:
        """Writes the gate as an ``.npz``, atomically."""
        arrays = {"centre": self.centre, "spread": self.spread, "lowest": self.lowest, "highest": self.highest}
        for name, part in self.parts.items():
            arrays[f"{name}_points"] = part.points.astype(np.float16)
            arrays[f"{name}_limit"] = np.float64(part.limit)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays, counts=np.array([self.reference, self.validation]))
        return Path(path)

    @classmethod
    def read(cls, path: str | Path) -> Gate:
        """Reads what `write` has written.

        Raises:
            RunError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
            parts = {
                name: Neighbourhood(found[f"{name}_points"].astype(np.float32), float(found[f"{name}_limit"]))
                for name in _PARTS
                if f"{name}_points" in found
            }
            reference, validation = (int(count) for count in found["counts"])
            values = [found[name] for name in ("centre", "spread", "lowest", "highest")]
        except Exception as error:  # a damaged archive makes NumPy and zlib raise many types
            raise RunError(
                f"{path}: damaged ({error}); train the run again, or remove the file to do without"
            ) from error
        return cls(*values, parts, reference, validation)


def directions(features: np.ndarray) -> np.ndarray:
    """Returns features scaled to length 1, float32: how far a network's features reach says little of what they are."""
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def mean_distances(points: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the mean Euclidean distance of each point that is asked about to its `NEIGHBOURS` nearest of `points`."""
    points, asked = (np.asarray(each, np.float32).astype(np.float64) for each in (points, asked))
    count = min(NEIGHBOURS, len(points))
    squares = (asked**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * asked @ points.T
    nearest = np.partition(squares, count - 1, axis=1)[:, :count]
    return np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
