"""Predicting image files and arrays: one row each, also for those that cannot be read or should not be answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.formats.medical.chosen_slices import ALL
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.errors import EvaluationError, ImageInputError
from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.experiments.predicting.asking import ERROR, GATE, Asking, Picture
from braintumor_tf.experiments.predicting.file_search import image_paths, slices_of
from braintumor_tf.experiments.predicting.volumes import VolumeAnswers
from braintumor_tf.predictions_table import PREDICTED, probability_columns
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run

BATCH_SIZE = 64


def predict_files(
    run: Run | str | Path,
    paths: Iterable[str | Path] | str | Path,
    *,
    batch_size: int = BATCH_SIZE,
    views: int | None = None,
    abstain: bool = False,
    coverage: float | None = None,
    refuse: bool = False,
    slices: str | int = ALL,
    plane: str = PLANES[0],
    each_slice: bool = False,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Predicts image files, and volumes (NIfTI, MGH), each of which gets one answer: the mean over its slices.

    ``p_<class>`` are always the model's own probabilities, without a temperature: those that the run's scores were
    computed from. Only `abstain` adds calibrated ones, in columns of their own, beside the temperature and what it did
    on the run's test images; they are never exchanged for the others, whatever it did.

    Before it answers, the run's gate (`braintumor_tf.evaluation.Gate`) looks at each picture: whether it is like a
    brain MRI slice that the run was trained on. What speaks against it stands in the column ``gate``.

    Args:
        run: the run whose model is asked, or its directory; a k-fold run or an ensemble answers with all its members.
        paths: files, folders and patterns, as `image_paths` takes them.
        batch_size: images that are read and predicted at once.
        views: how many views of each image are predicted, as for `predict_manifest`.
        abstain: whether "I don't know" is an answer: adds the columns of `abstention.Answering.add_to`, ``answer``
            (a class, or ``"unknown"``), ``set``, ``calibrated_<class>``, ``temperature``, ``temperature_on_test`` and
            ``larger_errors``.
        coverage: how often the set must hold the true class, for each class, between 0 and 1; None for what the run was
            calibrated for. Giving one asks for `abstain`.
        refuse: whether pictures with a reason in ``gate`` get no answer: no class, and NaN for probabilities.
        slices: which slices of a volume are asked about: ``"all"`` that show the head, ``"middle"``, or a number of
            them, evenly spaced.
        plane: ``"axial"``, ``"coronal"`` or ``"sagittal"``: the one that the run was trained on.
        each_slice: whether slices have rows too, before that of their volume.
        show_progress: whether to show a bar.

    Returns:
        One row an image in the order given. Its columns: ``path``; ``predicted``, empty where there is no answer;
        ``p_<class>`` for each class; those of `abstain`; ``gate``, a tuple of reasons against answering, empty where
        the picture passes; ``training_image``, the file among the run's training and validation images that shows the
        same picture, or empty; ``error``, why the file cannot be read, or empty; ``slices``, how many slices the answer
        is the mean of, 1 for a picture; and ``top_slices``, the paths of the slices of a volume that speak most for its
        answer. A run without a gate (an imported model, one of version 0.1) passes everything: ``gate`` is None then.
        `answer_volume` says what becomes of slices that are refused or cannot be read.

    Raises:
        EvaluationError: no file is meant, there are not that many views, or the run cannot abstain: it has no
            validation predictions, or other views are asked for than it was calibrated on; or `refuse` is asked of a
            run without a gate, or `abstain` for volumes without `each_slice`: what a set promises holds for single
            slices. Also where the model's answers are no probabilities.
        ModelError: the model is not the run's own (`load_run_model`).
        RunError: there is no such run, it is not finished, or it has no model.

    Example:
        >>> table = bt.predict_files("models/cnn", "scans/*.png")  # doctest: +SKIP
        >>> table["predicted"][0]  # doctest: +SKIP
        'glioma'
    """
    files = image_paths([paths] if isinstance(paths, (str, Path)) else paths)
    files, volumes = slices_of(files, slices, plane, show_progress=show_progress)
    how = {"views": views, "abstain": abstain, "coverage": coverage, "refuse": refuse}
    total = -(-len(files) // batch_size)
    tables = answer_files(run, files, volumes=volumes, each_slice=each_slice, batch_size=batch_size, **how)
    return pd.concat(progress_bar(tables, "Predicting", total=total, show=show_progress), ignore_index=True)


def predict_images(
    run: Run | str | Path,
    images: np.ndarray | Sequence[np.ndarray],
    *,
    batch_size: int = BATCH_SIZE,
    views: int | None = None,
    abstain: bool = False,
    coverage: float | None = None,
    refuse: bool = False,
) -> pd.DataFrame:
    """Predicts pictures that are in memory, as `predict_files` does files; each is brought to the model's size.

    Args:
        run: as for `predict_files`.
        images: uint8 arrays from 0 to 255 of any size, ``(height, width)``, ``(height, width, 1)`` or RGB
            ``(height, width, 3)``; a list, or one array with the images along its first axis.
        batch_size: images that are predicted at once.
        views: as for `predict_files`.
        abstain: as for `predict_files`.
        coverage: as for `predict_files`.
        refuse: as for `predict_files`.

    Returns:
        The table of `predict_files`; ``path`` is the image's number from 0, as text.

    Raises:
        ImageInputError: an image is no uint8 array of such a shape; the text says which and what to do.
        EvaluationError: as `predict_files`.
        RunError: as `predict_files`.

    Example:
        >>> bt.predict_images("models/cnn", [pixels])["predicted"][0]  # doctest: +SKIP
        'no_tumor'
    """
    pictures = [Picture(str(place), _picture(image, place)) for place, image in enumerate(images)]
    if not pictures:
        raise ImageInputError("no image is given; one image is images[None]")
    answers = _Answers(run, views=views, abstain=abstain, coverage=coverage, refuse=refuse, batch_size=batch_size)
    starts = range(0, len(pictures), batch_size)
    tables = [answers.of(pictures[start : start + batch_size]) for start in starts]
    return VolumeAnswers({}).join(pd.concat(tables, ignore_index=True))


def answer_files(
    run: Run | str | Path,
    files: Iterable[str],
    *,
    volumes: Mapping[str, str] | None = None,
    each_slice: bool = False,
    batch_size: int = BATCH_SIZE,
    **how: Any,
) -> Iterator[pd.DataFrame]:
    """Yields the rows of `predict_files` batch by batch, so that memory does not grow with the number of files.

    Args:
        run: as for `predict_files`.
        files: image files and slices.
        volumes: the volume of each slice, by its path, where the slices shall have one answer (`slices_of`).
        each_slice: as for `predict_files`.
        batch_size: pictures that are read and predicted at once; a volume has its row where its last slice is.
        how: ``views``, ``abstain``, ``coverage`` and ``refuse`` of `predict_files`.
    """
    if volumes and not each_slice and (how.get("abstain") or how.get("coverage") is not None):
        raise EvaluationError(
            f"{next(iter(volumes.values()))}: the run was calibrated on single slices, not on volumes; "
            "ask for each slice (each_slice=True, --each-slice)"
        )
    answers = _Answers(run, batch_size=batch_size, **how)
    joined = VolumeAnswers(volumes or {}, each_slice=each_slice)
    files = iter(files)
    with ThreadPoolExecutor() as pool:
        pending = [pool.submit(Picture.read, path) for path in islice(files, batch_size)]
        while pending:
            pictures = [each.result() for each in pending]
            pending = [pool.submit(Picture.read, path) for path in islice(files, batch_size)]
            yield joined.join(answers.of(pictures))


class _Answers:
    """A run that is asked, and what becomes of what it says."""

    def __init__(
        self,
        run: Run | str | Path,
        *,
        batch_size: int,
        views: int | None = None,
        abstain: bool = False,
        coverage: float | None = None,
        refuse: bool = False,
    ):
        run = Run.of(run)
        run.refuse_unfinished()
        self._abstention = None
        if abstain or coverage is not None:
            own = views_of(run.config)
            if views not in (None, own):
                raise EvaluationError(f"views={views}: this run is calibrated on views={own}; leave views out")
            from braintumor_tf.evaluation.calibration.abstention import answering  # imports much

            self._abstention, views = answering(run, coverage=coverage), None  # before a model is loaded
        self._asking = Asking(run, views=views, batch_size=batch_size)
        self._refuse = refuse
        if refuse and not self._asking.has_gate:
            raise EvaluationError(f"{run.path}: has no gate, so nothing can be refused; train it again")

    def of(self, pictures: Sequence[Picture]) -> pd.DataFrame:
        """Returns the rows of some pictures."""
        table = self._asking.ask(pictures)
        last = [table.pop(name) for name in (GATE, "training_image", ERROR)]
        answered = last[2] == ""
        if self._refuse:
            answered &= last[0].map(len) == 0
            table.loc[~answered, probability_columns(self._asking.classes)] = np.nan
            table.loc[~answered, PREDICTED] = ""
        if self._abstention is not None:
            table = self._abstention.add_to(table[answered]).reindex(table.index).fillna({"answer": ""}).assign(
                path=table["path"], predicted=table[PREDICTED]
            )  # fmt: skip
        if not self._asking.has_gate:
            last[0] = pd.Series([None] * len(table), index=table.index, dtype=object)
        return table.assign(**dict(zip((GATE, "training_image", ERROR), last)))


def _picture(image: np.ndarray, place: int) -> Image.Image:
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8:
        raise ImageInputError(f"image {place}: pixels are {pixels.dtype}; give uint8 from 0 to 255")
    if 0 in pixels.shape or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] == 3)):
        raise ImageInputError(
            f"image {place}: shape {pixels.shape}; give (height, width) or (height, width, 3), "
            "one image as images[None]"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))
