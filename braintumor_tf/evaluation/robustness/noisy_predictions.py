"""Predicting the same images clean and under each noise: read once, corrupted by threads while the model predicts."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from braintumor_tf.datasets.content_check import known_hashes
from braintumor_tf.evaluation.prediction.ensemble_model import Ensemble
from braintumor_tf.evaluation.probing.features import is_network
from braintumor_tf.evaluation.robustness.corruptions import CLEAN, Corruption, Picture, corrupt, read_picture
from braintumor_tf.models.image_fitting import check_images, fit_picture
from braintumor_tf.predictions_table import check_probabilities, make_predictions
from braintumor_tf.progress import progress_bar
from braintumor_tf.types import Predictor

_IMAGES_AT_ONCE = 512

Batch = tuple[int, slice, np.ndarray]
"""The number of the version (0 is clean), which images, and their pixels."""


def predict_corrupted(
    predictor: Predictor,
    rows: pd.DataFrame,
    corruptions: Sequence[Corruption],
    *,
    seed: int,
    size: tuple[int, int],
    batch_size: int,
    show_progress: bool,
) -> pd.DataFrame:
    """Lets a model predict images clean and under each corruption.

    Every file is read and decoded once. Threads corrupt batches ahead of the model, so memory does not grow with the
    number of images, of noises or of severities.

    Args:
        predictor: a model, or an `Ensemble`, each of whose members sees the same corrupted pictures at its own size.
        rows: rows of a manifest.
        corruptions: what to apply.
        seed: as for `corruptions.corrupt`.
        size: ``(height, width)`` of the picture that is corrupted.
        batch_size: images that the model takes at once.
        show_progress: whether to show a bar.

    Returns:
        The columns of ``predictions.csv``, and `noise` and `severity`: first the images as they are (``"clean"``, 0),
        then under each corruption, always in the order of `rows`.

    Raises:
        EvaluationError: the model answered with something other than probabilities.
        ImageReadError: an image cannot be read, or its content is not that of the manifest.
    """
    work = _Work(tuple(zip(rows["path"], known_hashes(rows))), (None, *corruptions), seed, size, batch_size)
    members = zip(predictor.members, predictor.weights) if isinstance(predictor, Ensemble) else [(predictor, 1.0)]
    found = sum(weight * _probabilities(member, work, show_progress) for member, weight in members)
    names = [(CLEAN, 0), *((each.name, each.severity) for each in corruptions)]
    tables = [
        make_predictions(rows, predictor.classes, each).assign(noise=name, severity=severity)
        for (name, severity), each in zip(names, found)
    ]
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class _Work:
    """What has to be predicted.

    Attributes:
        files: path and MD5 of each image.
        versions: what is done to each; None for nothing.
        seed: of the corruptions.
        size: ``(height, width)`` of the picture that is corrupted.
        batch_size: images that the model takes at once.
    """

    files: tuple[tuple[str, str], ...]
    versions: tuple[Corruption | None, ...]
    seed: int
    size: tuple[int, int]
    batch_size: int

    @property
    def images_at_once(self) -> int:
        """How many images are read before their versions are made, whole batches."""
        return max(1, _IMAGES_AT_ONCE // self.batch_size) * self.batch_size

    @property
    def batches(self) -> int:
        """How many batches there are of all versions."""
        parts = [self.files[start : start + self.images_at_once] for start in self.starts]
        return sum(-(-len(part) // self.batch_size) for part in parts) * len(self.versions)

    @property
    def starts(self) -> range:
        """The number of the first image of each part that is read at once."""
        return range(0, len(self.files), self.images_at_once)


def _probabilities(predictor: Predictor, work: _Work, show_progress: bool) -> np.ndarray:
    """Returns probabilities, float64 of shape ``(versions, images, classes)``."""
    answer = _answering(predictor, work.batch_size)
    found = np.empty((len(work.versions), len(work.files), len(predictor.classes)))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        batches = _ahead(_tasks(pool, work, predictor))
        try:
            for version, part, batch in progress_bar(
                batches, "Predicting under noise", total=work.batches, show=show_progress
            ):
                found[version, part] = answer(batch)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    check_probabilities(found.reshape(-1, found.shape[-1]))
    return found


def _tasks(
    pool: ThreadPoolExecutor, work: _Work, predictor: Predictor
) -> Iterator[tuple[int, slice, Future[np.ndarray]]]:
    """Starts to read some hundred images, then to make the batches of all their versions; what waits was read first."""

    def prepare(pictures: Sequence[Future[Picture]], version: Corruption | None) -> np.ndarray:
        shown = [corrupt(picture.result(), version, seed=work.seed) for picture in pictures]
        return np.stack([fit_picture(predictor, pixels) for pixels in shown])

    for start in work.starts:
        files = work.files[start : start + work.images_at_once]
        pictures = [pool.submit(read_picture, path, size=work.size, md5=md5) for path, md5 in files]
        for number, version in enumerate(work.versions):
            for first in range(0, len(pictures), work.batch_size):
                chosen = pictures[first : first + work.batch_size]
                part = slice(start + first, start + first + len(chosen))
                yield number, part, pool.submit(prepare, chosen, version)


def _ahead(tasks: Iterator[tuple[int, slice, Future[np.ndarray]]]) -> Iterator[Batch]:
    """Yields finished batches in order, with as many begun as there are cores and two more."""
    waiting: deque[tuple[int, slice, Future[np.ndarray]]] = deque()
    for task in tasks:
        waiting.append(task)
        if len(waiting) > (os.cpu_count() or 1) + 2:
            number, part, batch = waiting.popleft()
            yield number, part, batch.result()
    for number, part, batch in waiting:
        yield number, part, batch.result()


def _answering(predictor: Predictor, batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what a model answers to one batch of uint8 images, without what `keras.Model.predict` sets up each time.

    It is the function that `predict` compiles, compiled once and called for every batch.
    """
    if not is_network(predictor):
        return lambda images: predictor.predict_images(images, batch_size=batch_size)

    def answer(images: np.ndarray) -> np.ndarray:
        check_images(images)
        pixels = images.astype("float32")
        return predictor.model.predict_on_batch(
            pixels if predictor.preprocess is None else predictor.preprocess(pixels)
        )

    return answer
