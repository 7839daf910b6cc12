"""The class that an explanation is asked about, as the caller names it and as a method needs it."""

from __future__ import annotations

from collections.abc import Sequence

from braintumor_tf.errors import ExplanationError

Target = str | int | None
"""A class by name or index; None for the one that the model predicts."""


def target_indices(target: Target | Sequence[Target], classes: Sequence[str], count: int) -> list[int | None]:
    """Returns the class asked about for each image, as its index, None for the one that the model predicts.

    Args:
        target: None, a class name or index, or a sequence of those, one an image.
        classes: the class names in order.
        count: the number of images.

    Raises:
        ExplanationError: a class is unknown, or the sequence has another length.

    Example:
        >>> target_indices("tumor", ("no_tumor", "tumor"), 2)
        [1, 1]
        >>> target_indices([0, None], ("no_tumor", "tumor"), 2)
        [0, None]
    """
    if target is None or isinstance(target, str) or not hasattr(target, "__len__"):
        return [_class_index(target, classes)] * count
    if len(target) != count:
        raise ExplanationError(f"{len(target)} targets for {count} images; give one target for all, or one an image")
    return [_class_index(one, classes) for one in target]


def _class_index(target: Target, classes: Sequence[str]) -> int | None:
    if target is None:
        return None
    if isinstance(target, str) and target in classes:
        return list(classes).index(target)
    if hasattr(target, "__index__") and not isinstance(target, bool) and 0 <= int(target) < len(classes):
        return int(target)
    raise ExplanationError(
        f"{target!r} is no class of the model; choose one of {', '.join(classes)}, or an index from 0 to "
        f"{len(classes) - 1}"
    )
