"""Attention rollout: how much of each patch reaches a vision transformer's class token through all blocks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from keras import ops

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.gradients import Tensor, compile_forward
from braintumor_tf.explanation.images import in_image_coordinates, scaled
from braintumor_tf.explanation.subject import Subject
from braintumor_tf.models.architectures.vit import attention_model
from braintumor_tf.models.layers.vit_layers import AddPositions

FUSIONS: dict[str, Callable[..., Tensor]] = {"mean": ops.mean, "min": ops.min, "max": ops.max}
"""How the heads of a block become one, by name."""


def attention_rollout(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    *,
    head_fusion: str = "mean",
    discard_ratio: float = 0.0,
) -> list[np.ndarray]:
    """Computes how much of each patch reaches the class token.

    Args:
        subject: the model.
        images: each float32 of shape ``(height, width, 1 | 3)``, sizes may differ.
        targets: the index of the class asked about for each image, or None; without effect here.
        head_fusion: how the heads of a block become one: ``"mean"`` as in the paper, ``"min"`` or ``"max"``.
        discard_ratio: share of the weakest attentions of each block that are left out before the rollout, from 0
            (nothing is left out, as in the paper) to under 1.

    Raises:
        ExplanationError: the fusion is unknown, or the ratio is out of range.
    """
    if head_fusion not in FUSIONS:
        raise ExplanationError(f"{head_fusion!r} is no head fusion; choose one of {', '.join(FUSIONS)}")
    if not 0.0 <= discard_ratio < 1.0:
        raise ExplanationError(f"discard ratio {discard_ratio!r} is no share; give a number from 0 to under 1")
    fuse = FUSIONS[head_fusion]

    def fused(scores: Tensor) -> Tensor:
        return fuse(ops.cast(scores, "float32"), axis=1)

    attention = block_attention(subject, subject.fit(images), ("heads", head_fusion), fused)
    reached = rollout(attention, discard_ratio=discard_ratio)[:, 0, 1:].reshape(len(images), *patch_grid(subject))
    return [scaled(in_image_coordinates(one, image.shape)) for one, image in zip(reached, images)]


def rollout(attention: np.ndarray, *, discard_ratio: float = 0.0) -> np.ndarray:
    """Multiplies the attention of all blocks, half of each being the residual (Abnar and Zuidema, 2020, equation 1).

    Args:
        attention: heads fused, shape ``(images, blocks, tokens, tokens)``, not negative; row ``i`` is what token ``i``
            attends to. Rows need not add up to 1.
        discard_ratio: share of the weakest entries of each block that count as 0.

    Returns:
        float64 of shape ``(images, tokens, tokens)``; row ``i`` holds how much of each token of the first block is in
        token ``i`` of the last. Rows add up to 1.

    Example:
        >>> rollout(np.full((1, 12, 5, 5), 0.2))[0, 0].sum().round(6)
        np.float64(1.0)
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


def block_attention(
    subject: Subject, fitted: np.ndarray, key: Hashable, reduce: Callable[[Tensor], Tensor]
) -> np.ndarray:
    """Returns the attention scores of all blocks, each reduced as soon as it is computed, stacked as axis 1.

    Args:
        subject: a vision transformer.
        fitted: images as `Subject.fit` returns them.
        key: names `reduce` among the compiled functions of the model.
        reduce: from the scores of a block, ``(images, heads, tokens, tokens)``, to what is kept of them, in
            `keras.ops`.
    """

    def reduced(scores: Tensor | Sequence[Tensor]) -> Tensor:
        return ops.stack([reduce(one) for one in (scores if isinstance(scores, (list, tuple)) else [scores])], axis=1)

    forward = subject.compiled(
        ("attention", key), lambda: compile_forward(attention_model(subject.network), fitted.shape, reduced)
    )
    return forward(fitted)


def patch_grid(subject: Subject) -> tuple[int, int]:
    """Returns in how many rows and columns a vision transformer divides its image."""
    positions = next(layer for layer in subject.network.layers if isinstance(layer, AddPositions))
    return positions.grid
