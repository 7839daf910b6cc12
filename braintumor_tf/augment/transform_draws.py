"""The transform parameters of images, drawn for a block at once from a seed, an epoch and the images' numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from braintumor_tf.augment.random_streams import stream
from braintumor_tf.augment.warps import affine_matrices

if TYPE_CHECKING:
    from braintumor_tf.augment.generator import ImageDataGenerator

BLOCK = 1024
"""Images whose parameters are drawn together; part of what a seed means, so changing it changes every batch."""

_DRAWS = (
    "theta",
    "tx",
    "tx_sign",
    "ty",
    "ty_sign",
    "shear",
    "zx",
    "zy",
    "horizontal",
    "vertical",
    "channel",
    "brightness",
)
_TRANSFORMS, _ORDER = 1, 2  # what a stream is for, so that no two share numbers
IDENTITY = {
    "theta": 0,
    "tx": 0,
    "ty": 0,
    "shear": 0,
    "zx": 1,
    "zy": 1,
    "flip_horizontal": False,
    "flip_vertical": False,
    "channel_shift_intensity": None,
    "brightness": None,
    "noise": None,
}
"""The parameters of an image that is left as it is."""


@dataclass(frozen=True)
class Block:
    """The parameters of up to `BLOCK` neighbouring images in one epoch.

    Attributes:
        columns: one array for each parameter of Keras's transform dictionary, except those that are not used at all.
        matrices: float64 (n, 2, 3), the warp of each image, flips included.
        moves: bool (n,), whether an image is warped at all; without, at most its rows or columns are reversed.
        noise_seeds: uint64 (n,), one stream of noise for each image.
    """

    columns: dict[str, np.ndarray]
    matrices: np.ndarray
    moves: np.ndarray
    noise_seeds: np.ndarray

    def parameters(self, row: int) -> dict[str, Any]:
        """Returns one image's dictionary as `ImageDataGenerator.apply_transform` takes it, without its noise."""
        return IDENTITY | {name: column[row].item() for name, column in self.columns.items()}


def draw_block(generator: ImageDataGenerator, height: int, width: int, seed: int, epoch: int, block: int) -> Block:
    """Draws the parameters of images ``block * BLOCK`` and following.

    Each parameter has its own column of numbers, so generators that differ in what they use (an image's and its mask's)
    still move the same image alike for the same seed.

    Args:
        generator: whose ranges apply.
        height: of the images, in pixels.
        width: of the images, in pixels.
        seed: the iterator's seed.
        epoch: counted from 0.
        block: which block, from 0.
    """
    rng = stream(seed, epoch, block, _TRANSFORMS)
    u = dict(zip(_DRAWS, rng.random((BLOCK, len(_DRAWS))).T, strict=True))
    seeds = rng.integers(0, 1 << 63, BLOCK, dtype=np.uint64)
    columns: dict[str, np.ndarray] = {}
    if generator.rotation_range:
        columns["theta"] = (2 * u["theta"] - 1) * generator.rotation_range
    if is_set(generator.height_shift_range):
        columns["tx"] = _shifts(generator.height_shift_range, u["tx"], u["tx_sign"], height)
    if is_set(generator.width_shift_range):
        columns["ty"] = _shifts(generator.width_shift_range, u["ty"], u["ty_sign"], width)
    if generator.shear_range:
        columns["shear"] = (2 * u["shear"] - 1) * generator.shear_range
    low, high = generator.zoom_range
    if not low == high == 1:
        columns["zx"], columns["zy"] = low + (high - low) * u["zx"], low + (high - low) * u["zy"]
    if generator.horizontal_flip:
        columns["flip_horizontal"] = u["horizontal"] < 0.5
    if generator.vertical_flip:
        columns["flip_vertical"] = u["vertical"] < 0.5
    if generator.channel_shift_range != 0:
        columns["channel_shift_intensity"] = (2 * u["channel"] - 1) * generator.channel_shift_range
    if generator.brightness_range is not None:
        low, high = generator.brightness_range
        columns["brightness"] = low + (high - low) * u["brightness"]
    return _finish(columns, seeds, height, width)


def single(parameters: dict[str, Any], height: int, width: int) -> Block:
    """Returns a block of one image from a dictionary of parameters, keys left out standing for no change."""
    given = IDENTITY | {name: value for name, value in parameters.items() if value is not None}
    columns = {name: np.array([value]) for name, value in given.items() if name != "noise" and value is not None}
    return _finish(columns, np.zeros(1, np.uint64), height, width)


def order_of(seed: int, epoch: int, count: int, shuffle: bool) -> np.ndarray:
    """Returns the order in which `count` images come in an epoch."""
    return stream(seed, epoch, _ORDER).permutation(count) if shuffle else np.arange(count)


def _finish(columns: dict[str, np.ndarray], seeds: np.ndarray, height: int, width: int) -> Block:
    geometry = [
        np.broadcast_to(columns.get(name, IDENTITY[name]), seeds.shape)
        for name in ("theta", "tx", "ty", "shear", "zx", "zy")
    ]
    flips = [np.broadcast_to(columns.get(name, False), seeds.shape) for name in ("flip_horizontal", "flip_vertical")]
    neutral = (0, 0, 0, 0, 1, 1)
    moves = np.any([values != rest for values, rest in zip(geometry, neutral, strict=True)], axis=0)
    return Block(columns, affine_matrices(*geometry, *flips, height, width), moves, seeds)


def is_set(shift_range: Any) -> bool:
    """Returns whether a shift range asks for shifts: a list with something in it, or a number that is not 0."""
    return bool(len(shift_range)) if np.ndim(shift_range) else bool(shift_range)


def _shifts(shift_range: Any, draw: np.ndarray, sign: np.ndarray, size: int) -> np.ndarray:
    """Turns numbers in 0..1 into shifts in pixels.

    A list is chosen from, a whole number is a range of whole pixels (both with a random sign), any other number is a
    range, as a share of the size if below 1.
    """
    if np.ndim(shift_range) or isinstance(shift_range, (int, np.integer)):
        choices = np.asarray(shift_range) if np.ndim(shift_range) else np.arange(shift_range)
        shifts = choices[(draw * len(choices)).astype(int)] * np.where(sign < 0.5, -1, 1)
    else:
        shifts = (2 * draw - 1) * shift_range
    return shifts * (size if np.max(shift_range) < 1 else 1)
