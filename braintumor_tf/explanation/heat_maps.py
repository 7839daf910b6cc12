"""`explain`: one call for every method and every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.images import GivenImages, Images
from braintumor_tf.explanation.methods import choose_method
from braintumor_tf.explanation.subject import Model, Subject
from braintumor_tf.explanation.targets import Target, target_indices
from braintumor_tf.progress import progress_bar


def explain(
    model: Model,
    images: Images,
    *,
    method: str | None = None,
    target: Target | Sequence[Target] = None,
    layer: str | None = None,
    batch_size: int = 16,
    show_progress: bool = False,
    **options: Any,
) -> np.ndarray | list[np.ndarray]:
    """Computes which parts of images a model's predictions rest on.

    Images of any size are worked on `batch_size` at a time, and files are read when their turn comes. So beside the
    maps themselves memory does not grow with the number of images. What is compiled for a model is kept as long as the
    model: load a run once (`evaluation.load_run_model`) to explain again and again.

    Args:
        model: a model of `braintumor_tf.models`, built or loaded, a run, or a run's directory.
        images: pixels from 0 to 255, integer or float: an array ``(images, height, width)`` or ``(images, height,
            width, 1 | 3)``, one image ``(height, width)`` or ``(height, width, 1 | 3)``, a path, a Pillow image (of any
            mode, as a file of it is read), or a sequence of these whose sizes and modes may differ. Whole images also
            for a model that cuts them down (`crop`): they are cut here, and the map is 0 outside the cut.
        method: a name of `METHODS`; None for the model's own: ``grad_cam`` for networks of convolutions,
            ``attention_rollout`` for vision transformers, ``occlusion`` for others.
        target: the class asked about, by name or index, or one for each image; None for the predicted class of each.
            ``attention_rollout`` and ``random`` do not depend on it.
        layer: for Grad-CAM and Grad-CAM++, the layer whose feature map is weighed; None for the last one.
        batch_size: images, or occluded copies of one, that the model takes at once.
        show_progress: whether to show a bar.
        **options: of the method. ``attention_rollout``: `head_fusion` (``"mean"``, ``"min"``, ``"max"``),
            `discard_ratio`; ``occlusion``: `patch`, `stride`, `fill`; ``random``: `seed`, `grid`.

    Returns:
        Maps in the coordinates of each given image, float32 from 0 to 1. The highest value of each is 1, unless nothing
        in the image speaks for the class: then it is 0 all over. One array ``(images, height, width)`` where all images
        have one size, else a list of arrays ``(height, width)``.

    Raises:
        ExplanationError: the method, the layer, the target or an option is unknown or does not fit the model.
        ImageInputError: an image does not fit the input contract.
        ImageReadError: a file cannot be read.

    Example:
        >>> from braintumor_tf.models import build
        >>> pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 50))
        >>> maps = explain(build("CNN", image_size=64, seed=0), pixels, method="grad_cam", target="glioma")
        >>> maps.shape, maps.dtype
        ((2, 40, 50), dtype('float32'))
    """
    if batch_size < 1:
        raise ExplanationError(f"batch size {batch_size!r} is not positive; give 1 or more")
    subject = Subject(model)
    chosen = choose_method(method, subject.kind, subject.name, layer=layer, options=tuple(options))
    given = GivenImages(images, grey=subject.grey, crop=subject.crop)
    targets = target_indices(target, subject.classes, len(given))
    compute = chosen.load()
    step = 1 if chosen.one_by_one else batch_size
    if chosen.one_by_one:
        options["batch_size"] = batch_size
    if chosen.uses_layer:
        options["layer"] = subject.layer(layer).name
    maps: list[np.ndarray] = []
    for start in progress_bar(range(0, len(given), step), f"Explaining ({chosen.name})", show=show_progress):
        batch = given.read(start, step)
        found = compute(subject, batch, targets[start : start + step], **options)
        maps += [given.laid_over(number, heat) for number, heat in enumerate(found, start)]
    return np.stack(maps) if len({one.shape for one in maps}) == 1 else maps
