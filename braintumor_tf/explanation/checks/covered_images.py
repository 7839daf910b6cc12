"""The probabilities that a model gives to images in which a part is covered.

Covered images are unlike those that a model was trained on, so a low score proves little: what is missing may be
there and not be understood. A high score proves that the part that was left is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.datasets.content_check import known_hashes, read_unchanged
from braintumor_tf.datasets.reading import open_image, to_array
from braintumor_tf.errors import ExplanationError
from braintumor_tf.models.image_fitting import fit_picture
from braintumor_tf.progress import progress_bar

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model

Versions = Callable[[np.ndarray, int], dict[str, np.ndarray]]
"""From an image, uint8 in the model's channels, and its number to its versions by name."""

_CHUNK = 64


def masked_probabilities(
    model: Model, rows: pd.DataFrame, versions: Versions, *, show_progress: bool = True
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Predicts several versions of each image, made at the image's own size; memory stays flat.

    Args:
        model: a model of `braintumor_tf.models`, a run, or a run's directory.
        rows: rows of a manifest.
        versions: makes the versions of each image.
        show_progress: whether to show a bar.

    Returns:
        The class names, and for each version probabilities of shape ``(images, classes)``.

    Raises:
        ImageReadError: an image cannot be read, or its content is not that of the manifest.
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    predictor = Subject(model).predictor
    grey, files = predictor.channels == 1, list(zip(rows["path"], known_hashes(rows)))
    found: dict[str, list[np.ndarray]] = {}
    for start in progress_bar(range(0, len(files), _CHUNK), "Covering parts", show=show_progress):
        chunk: dict[str, list[np.ndarray]] = {}
        for number in range(start, min(start + _CHUNK, len(files))):
            image = to_array(open_image(files[number][0], read_unchanged(*files[number])), grey=grey)
            for name, version in versions(image, number).items():
                chunk.setdefault(name, []).append(fit_picture(predictor, version))
        for name, images in chunk.items():
            found.setdefault(name, []).append(predictor.predict_images(np.stack(images)))
    return tuple(predictor.classes), {name: np.concatenate(parts) for name, parts in found.items()}


def class_numbers(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Returns the index of each row's label among the model's classes.

    Raises:
        ExplanationError: a label is not a class of the model.

    Example:
        >>> class_numbers(pd.DataFrame({"label": ["tumor", "no_tumor"]}), ("no_tumor", "tumor")).tolist()
        [1, 0]
    """
    strange = sorted(set(rows["label"]) - set(classes))
    if strange:
        raise ExplanationError(f"the label {strange[0]!r} is not among the model's classes {', '.join(classes)}")
    return rows["label"].map({name: number for number, name in enumerate(classes)}).to_numpy(int)
