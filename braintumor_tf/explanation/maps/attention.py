"""What a vision transformer attends to: the class token's attention in each head, and attention rollout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.gradients import compile_forward
from braintumor_tf.explanation.images import GivenImages, in_image_coordinates, scaled
from braintumor_tf.explanation.methods import ATTENTION, methods_for
from braintumor_tf.explanation.subject import Subject
from braintumor_tf.models.architectures.vit import attention_model
from braintumor_tf.models.layers.vit_layers import AddPositions

FUSIONS: dict[str, Callable[..., Any]] = {"mean": ops.mean, "min": ops.min, "max": ops.max}
"""How the heads of a block become one, by name."""


def attention_maps(model: Any, images: Any, batch_size: int = 16) -> np.ndarray:
    """Computes how much the class token attends to each patch, for each head of each block.

    Args:
        model: a vision transformer, built or loaded, a run of one, or its directory.
        images: as `explain` takes them.
        batch_size: images that the model takes at once.

    Returns:
        float32 of shape ``(images, blocks, heads, rows, columns)`` of the grid of patches, 0 to 1. A map adds up to 1
        less what the class token attends to itself. The grid lies over what the model sees: of a model that cuts images
        down (`crop`), over ``read_image(path, crop=...)``.

    Raises:
        ExplanationError: the model has no attention.
        ImageInputError: an image does not fit the input contract.

    Example:
        >>> attention_maps(build("ViT-Ti/16"), images).shape
        (2, 12, 3, 14, 14)
    """
    subject = Subject(model)
    if subject.kind != ATTENTION:
        raise ExplanationError(
            f"{subject.name} has no attention; choose a ViT, or explain it by one of "
            f"{', '.join(methods_for(subject.kind))}"
        )
    if batch_size < 1:
        raise ExplanationError(f"batch size {batch_size!r} is not positive; give 1 or more")
    given = GivenImages(images, subject.grey, subject.crop)
    found = []
    for start in range(0, len(given), batch_size):
        fitted = subject.fit(given.read(start, batch_size))
        found.append(_scores(subject, fitted, "class token", _class_token_rows))
    rows = np.concatenate(found)
    return rows.reshape(*rows.shape[:-1], *_grid(subject))


def attention_rollout(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    batch_size: int = 16,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
) -> list[np.ndarray]:
    """Computes how much of each patch reaches the class token.

    Args:
        subject: the model.
        images: each float32 of shape ``(height, width, 1 | 3)``, sizes may differ.
        targets: the index of the class asked about for each image, or None; without effect here.
        batch_size: images that the model takes at once; all of these are.
        head_fusion: how the heads of a block become one: ``"mean"`` as in the paper, ``"min"`` or ``"max"``.
        discard_ratio: share of the weakest attentions of each block that are left out before the rollout, from 0
            (none, as in the paper) to under 1.

    Raises:
        ExplanationError: the fusion is unknown, or the ratio is out of range.
    """
    if head_fusion not in FUSIONS:
        raise ExplanationError(f"{head_fusion!r} is no head fusion; choose one of {', '.join(FUSIONS)}")
    if not 0.0 <= discard_ratio < 1.0:
        raise ExplanationError(f"discard ratio {discard_ratio!r} is no share; give a number from 0 to under 1")
    fuse = FUSIONS[head_fusion]

    def fused(scores: Any) -> Any:
        return fuse(ops.cast(scores, "float32"), axis=1)

    attention = _scores(subject, subject.fit(images), ("heads", head_fusion), fused)
    reached = rollout(attention, discard_ratio)[:, 0, 1:].reshape(len(images), *_grid(subject))
    return [scaled(in_image_coordinates(one, image.shape)) for one, image in zip(reached, images)]


def rollout(attention: np.ndarray, discard_ratio: float = 0.0) -> np.ndarray:
    """Multiplies the attention of all blocks, half of each being the residual (Abnar and Zuidema, 2020, equation 1).

    Args:
        attention: heads fused, shape ``(images, blocks, tokens, tokens)``, not negative; row ``i`` is what token ``i``
            attends to. Rows need not add up to 1.
        discard_ratio: share of the weakest entries of each block that count as 0.

    Returns:
        float64 of shape ``(images, tokens, tokens)``; row ``i`` says how much of each token of the first block is in
        token ``i`` of the last. Rows add up to 1.

    Example:
        >>> rollout(np.full((1, 12, 5, 5), 0.2))[0, 0].sum()
        1.0
    """
    attention = np.asarray(attention, np.float64)
    images, blocks, tokens, _ = attention.shape
    if discard_ratio:
        flat = attention.reshape(images, blocks, -1)
        weakest = np.argsort(flat, axis=-1, kind="stable")[..., : int(flat.shape[-1] * discard_ratio)]
        flat = flat.copy()
        np.put_along_axis(flat, weakest, 0.0, axis=-1)
        attention = flat.reshape(attention.shape)
    sums = attention.sum(axis=-1, keepdims=True)
    shares = np.divide(attention, sums, out=np.zeros_like(attention), where=sums > 0)
    mixed = 0.5 * shares + 0.5 * np.eye(tokens)
    mixed /= mixed.sum(axis=-1, keepdims=True)  # a row that was discarded altogether keeps its residual only
    reached = mixed[:, 0]
    for block in range(1, blocks):
        reached = mixed[:, block] @ reached
    return reached


def _class_token_rows(scores: Any) -> Any:
    return ops.cast(scores[:, :, 0, 1:], "float32")


def _scores(subject: Subject, fitted: np.ndarray, key: Any, reduce: Callable[[Any], Any]) -> np.ndarray:
    """Returns the attention scores of all blocks, each reduced as soon as it is computed, stacked as axis 1."""

    def reduced(scores: Any) -> Any:
        return ops.stack([reduce(one) for one in (scores if isinstance(scores, (list, tuple)) else [scores])], axis=1)

    forward = subject.compiled(
        ("attention", key), lambda: compile_forward(attention_model(subject.network), fitted.shape, reduced)
    )
    return forward(fitted)


def _grid(subject: Subject) -> tuple[int, int]:
    positions = next(layer for layer in subject.network.layers if isinstance(layer, AddPositions))
    return positions.grid
