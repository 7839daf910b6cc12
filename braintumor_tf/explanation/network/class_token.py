"""What each head of a vision transformer attends to: the class token's attention to each patch."""

from __future__ import annotations

import numpy as np
from keras import ops

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.gradients import Tensor
from braintumor_tf.explanation.images import GivenImages, Images
from braintumor_tf.explanation.maps.attention import block_attention, patch_grid
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.explanation.model_kinds import ATTENTION
from braintumor_tf.explanation.subject import Model, Subject


def attention_maps(model: Model, images: Images, *, batch_size: int = 16) -> np.ndarray:
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
        >>> from braintumor_tf.models import build
        >>> pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 50))
        >>> attention_maps(build("ViT-Ti/16", image_size=32), pixels).shape
        (2, 12, 3, 2, 2)
    """
    subject = Subject(model)
    if subject.kind != ATTENTION:
        raise ExplanationError(
            f"{subject.name} has no attention; choose a ViT, or explain it by one of "
            f"{', '.join(methods_for(subject.kind))}"
        )
    if batch_size < 1:
        raise ExplanationError(f"batch size {batch_size!r} is not positive; give 1 or more")
    given = GivenImages(images, grey=subject.grey, crop=subject.crop)
    found = []
    for start in range(0, len(given), batch_size):
        fitted = subject.fit(given.read(start, batch_size))
        found.append(block_attention(subject, fitted, "class token", _class_token_rows))
    rows = np.concatenate(found)
    return rows.reshape(*rows.shape[:-1], *patch_grid(subject))


def _class_token_rows(scores: Tensor) -> Tensor:
    return ops.cast(scores[:, :, 0, 1:], "float32")
