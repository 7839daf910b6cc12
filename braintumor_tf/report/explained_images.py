"""Explaining image files: a picture and the raw map of each, a few images at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from braintumor_tf.datasets.formats import decode
from braintumor_tf.datasets.formats.medical.chosen_slices import MIDDLE
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.datasets.formats.medical.table import stem_of
from braintumor_tf.datasets.reading import to_array, warn_of_pages
from braintumor_tf.errors import ImageInputError, ImageReadError
from braintumor_tf.evaluation.prediction.predict import load_run_model
from braintumor_tf.experiments.predicting import slices_of
from braintumor_tf.explanation.methods import choose_method
from braintumor_tf.explanation.targets import target_indices
from braintumor_tf.files import atomic_path
from braintumor_tf.models.image_fitting import check_images, fit_picture
from braintumor_tf.progress import progress_bar
from braintumor_tf.report.plots.explanation.heat_maps import explained_images
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.runs import Run

MAP_LEVELS = 65535
"""What 1 is stored as in a map's 16-bit grey PNG."""


@dataclass(frozen=True)
class ExplainedImage:
    """One explained file.

    Attributes:
        path: the image.
        predicted: the class that the model predicts.
        probabilities: probability of each class, in class order, as `predict_files` gives them.
        method: the method of the map.
        layer: the layer that was asked for, or None for the method's own.
        target: the class asked about, the predicted one if no class was asked for; None if the method does not ask
            about a class.
        picture: PNG of the image beside itself with the map.
        map: 16-bit grey PNG of the image's size; 65535 is 1.
    """

    path: str
    predicted: str
    probabilities: dict[str, float]
    method: str
    layer: str | None
    target: str | None
    picture: Path
    map: Path

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name."""
        return dict(vars(self))


def explain_files(
    run: Run | str | Path,
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    method: str | None = None,
    target: str | None = None,
    layer: str | None = None,
    batch_size: int = 8,
    show_progress: bool = True,
    **options: Any,
) -> tuple[list[ExplainedImage], list[ImageReadError]]:
    """Explains single image files of any size and mode with the model of a run.

    For each readable image two PNGs are written into `out`, atomically: ``<name>_<method>.png``, the image beside
    itself with the map, the predicted class and its probability; and ``<name>_<method>_map.png``, the map at the
    image's size, 16-bit grey with 1 stored as 65535 (`read_map` reads it). Names that occur twice get a number.

    Args:
        run: the run whose model is explained, or its directory.
        paths: image files.
        out: the folder that receives the files.
        method: as in `braintumor_tf.explanation.explain`.
        target: class asked about; None for the predicted class of each image.
        layer: as in `braintumor_tf.explanation.explain`.
        batch_size: images in memory at once; by occlusion they are explained one by one, and it is the number of
            occluded copies that the model takes at once.
        show_progress: whether to show a bar.
        **options: of the method, as in `braintumor_tf.explanation.explain`.

    Returns:
        What was written for each readable image, in the order given, and an error for each unreadable one.

    Raises:
        ExplanationError: the method, the layer, the target or an option is unknown or does not fit the model.
        RunError: there is no such run, or it has no model.

    Example:
        >>> found, errors = explain_files("models/cnn", ["slice_1.png"], "plots")  # doctest: +SKIP
        >>> found[0].picture.name  # doctest: +SKIP
        'slice_1_grad_cam.png'
    """
    from braintumor_tf.explanation import explain
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    model = load_run_model(Run.of(run))
    subject = Subject(model)
    chosen = choose_method(method, subject.kind, subject.name, layer=layer, options=tuple(options))
    target_indices(target, subject.classes, 1)
    if chosen.uses_layer:
        subject.layer(layer)
    paths, _ = slices_of(map(str, paths), MIDDLE, PLANES[0], show_progress=show_progress)
    names = _distinct([f"{stem_of(path)}_{chosen.name}" for path in paths])
    found, errors = [], []
    bar = iter(progress_bar(paths, f"Explaining ({chosen.name})", total=len(paths), show=show_progress))
    step = 1 if chosen.one_by_one else batch_size  # each picture is kept as soon as it is there
    for start in range(0, len(paths), step):
        readable = []
        for place in range(start, min(start + step, len(paths))):
            try:
                readable.append((place, *_read(paths[place], subject)))
            except ImageReadError as error:
                errors.append(error)
                next(bar)
        if not readable:
            continue
        places, images, sized = zip(*readable)
        probabilities = subject.predictor.predict_images(np.stack(sized), batch_size=batch_size)
        maps = explain(
            model, list(images), method=chosen.name, target=target, layer=layer, batch_size=batch_size, **options
        )
        for place, image, heat, row in zip(places, images, maps, probabilities, strict=True):
            says = dict(zip(subject.classes, map(float, row), strict=True))
            asked = (target or max(says, key=says.get)) if chosen.uses_target else None
            written = _write(Path(out), names[place], image, heat, says, asked, chosen.name, layer)
            found.append(
                ExplainedImage(paths[place], max(says, key=says.get), says, chosen.name, layer, asked, *written)
            )
            next(bar)
    next(bar, None)
    return found, errors


def write_map(path: str | Path, heat: np.ndarray) -> Path:
    """Writes a map from 0 to 1 as a 16-bit grey PNG, atomically, and returns the path."""
    levels = np.rint(np.clip(heat, 0.0, 1.0) * MAP_LEVELS).astype(np.uint16)
    with atomic_path(path) as temporary:
        Image.fromarray(levels).save(temporary, format="PNG")
    return Path(path)


def read_map(path: str | Path) -> np.ndarray:
    """Reads a map that `write_map` wrote: float32 of shape ``(height, width)``, 0 to 1 in steps of 1/65535.

    Raises:
        ImageReadError: the file is missing, or no 16-bit grey PNG.
    """
    try:
        with Image.open(path) as picture:
            if picture.format != "PNG" or picture.mode not in ("I;16", "I"):
                raise ImageReadError(path, f"{picture.format} of mode {picture.mode}, not a map (16-bit grey PNG)")
            return np.asarray(picture, np.float32) / MAP_LEVELS
    except OSError as error:
        raise ImageReadError(path, getattr(error, "strerror", None) or "damaged, or no image") from error


def _write(
    out: Path,
    name: str,
    image: np.ndarray,
    heat: np.ndarray,
    says: dict[str, float],
    asked: str | None,
    method: str,
    layer: str | None,
) -> tuple[Path, Path]:
    predicted = max(says, key=says.get)
    title = method.replace("_", " ") + (f" at {layer}" if layer else "")
    if asked is not None and asked != predicted:
        title += f", what speaks for {asked} ({says[asked]:.2f})"
    figure = explained_images([image], [heat], predicted=[predicted], probability=[says[predicted]], title=title)
    written = save_figure(figure, out / f"{name}.png", limit=400_000), write_map(out / f"{name}_map.png", heat)
    figure.clear()  # a figure is full of circles, which would wait for the garbage collector
    return written


def _distinct(names: Sequence[str]) -> list[str]:
    """Numbers names that occur before, whatever their case: some file systems do not tell it apart."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        numbered, number = name, 1
        while numbered.lower() in taken or f"{numbered}_map".lower() in taken:
            number += 1
            numbered = f"{name}_{number}"
        taken |= {numbered.lower(), f"{numbered}_map".lower()}
        distinct.append(numbered)
    return distinct


def _read(path: str, subject: Any) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image at its own size, and at the model's with its channels as third axis, both uint8.

    Raises:
        ImageReadError: the file cannot be read, or no model would take what is in it.
    """
    decoded = decode(path)
    warn_of_pages({path: decoded.pages} if decoded.pages > 1 else {}, stacklevel=2)
    opened = decoded.opaque()
    image = to_array(opened, grey=subject.grey)
    sized = fit_picture(subject.predictor, opened)
    try:
        check_images(image.reshape(1, *image.shape[:2], -1))
        check_images(sized[None])
    except ImageInputError as error:
        raise ImageReadError(path, str(error)) from None
    return image, sized
