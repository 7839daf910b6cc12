"""The layers of a vision transformer that Keras does not have: tokens with positions, and taking the class token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

DEVIATION = 0.02
"""Standard deviation of first kernels and positions, as in timm. Keras's own default takes the three axes of an
attention kernel for those of a convolution, and starts it six times too small."""


@keras.saving.register_keras_serializable(package="braintumor_tf")
class AddPositions(keras.layers.Layer):
    """Makes a row of tokens of a grid of patches: the class token first, a learned position added to each.

    Args:
        grid: ``(rows, columns)`` of patches.
        seed: of the first class token and positions.
    """

    def __init__(self, grid: Sequence[int], seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.grid = (int(grid[0]), int(grid[1]))
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the class token, shape ``(1, 1, width)``, and the positions, ``(1, 1 + rows * columns, width)``."""
        width = input_shape[-1]
        small = keras.initializers.TruncatedNormal(stddev=DEVIATION, seed=self.seed)
        tokens = 1 + self.grid[0] * self.grid[1]
        self.class_token = self.add_weight(shape=(1, 1, width), initializer="zeros", name="class_token")
        self.positions = self.add_weight(shape=(1, tokens, width), initializer=small, name="positions")

    def call(self, patches: Any) -> Any:
        """Returns tokens of shape ``(batch, 1 + rows * columns, width)``."""
        batch, width = ops.shape(patches)[0], patches.shape[-1]
        tokens = ops.reshape(patches, (batch, self.grid[0] * self.grid[1], width))
        first = ops.broadcast_to(ops.cast(self.class_token, tokens.dtype), (batch, 1, width))
        return ops.concatenate([first, tokens], axis=1) + ops.cast(self.positions, tokens.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape that leaves the layer."""
        return (input_shape[0], 1 + self.grid[0] * self.grid[1], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "grid": list(self.grid), "seed": self.seed}


@keras.saving.register_keras_serializable(package="braintumor_tf")
class ClassToken(keras.layers.Layer):
    """Takes the class token, the first of a row of tokens: what the head classifies."""

    def call(self, tokens: Any) -> Any:
        """Returns features of shape ``(batch, width)``."""
        return tokens[:, 0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape that leaves the layer."""
        return (input_shape[0], input_shape[-1])


def resize_positions(positions: np.ndarray, grid: Sequence[int], new_grid: Sequence[int]) -> np.ndarray:
    """Interpolates learned positions to another grid of patches, bicubic with antialiasing, as timm does.

    Args:
        positions: shape ``(1, 1 + rows * columns, width)``; the first is the class token's and stays as it is.
        grid: ``(rows, columns)`` that they were learned on.
        new_grid: ``(rows, columns)`` to have.

    Returns:
        Positions, float32 of shape ``(1, 1 + new rows * new columns, width)``.
    """
    positions = np.asarray(positions, "float32")
    if tuple(grid) == tuple(new_grid):
        return positions
    patches = positions[:, 1:].reshape(1, *grid, positions.shape[-1])
    resized = ops.image.resize(patches, new_grid, interpolation="bicubic", antialias=True, data_format="channels_last")
    resized = ops.convert_to_numpy(resized).reshape(1, -1, positions.shape[-1])
    return np.concatenate([positions[:, :1], resized], axis=1)
