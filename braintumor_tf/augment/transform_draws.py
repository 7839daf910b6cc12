"""The transform parameters of images, drawn for a block at once from a seed, an epoch and the images' numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from braintumor_tf.augment.random_streams import stream
from braintumor_tf.augment.warps import affine_matrices

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
_GEOMETRY = ("theta", "tx", "ty", "shear", "zx", "zy")

Shift = float | Sequence[float]


@dataclass(frozen=True, kw_only=True)
class TransformRanges:
    """What `ImageDataGenerator` was told of transforms, in Keras's terms; the generator makes it.

    Attributes:
        rotation_range: degrees; images turn by up to this, either way.
        width_shift_range: a share of the size (below 1), pixels, or a list to choose from; moves rows, as in Keras.
        height_shift_range: likewise; moves columns.
        shear_range: degrees.
        zoom_range: (lowest, highest); below 1 magnifies.
        channel_shift_range: grey levels.
        brightness_range: (lowest, highest) factor; None leaves the brightness as it is.
        horizontal_flip: whether half of the images are mirrored left to right.
        vertical_flip: whether half of the images are mirrored top to bottom.
        fill_mode: what lies outside an image, a key of `braintumor_tf.augment.warps.FILL_MODES`.
        cval: the value outside for the fill mode ``constant``.
        interpolation_order: 0 nearest neighbour, 1 bilinear, 2 to 5 splines.
    """

    rotation_range: float = 0
    width_shift_range: Shift = 0.0
    height_shift_range: Shift = 0.0
    shear_range: float = 0.0
    zoom_range: Sequence[float] = (1, 1)
    channel_shift_range: float = 0.0
    brightness_range: Sequence[float] | None = None
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill_mode: str = "nearest"
    cval: float = 0.0
    interpolation_order: int = 1


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


def draw_block(ranges: TransformRanges, height: int, width: int, *, seed: int, epoch: int, block: int) -> Block:
    """Draws the parameters of images ``block * BLOCK`` and following.

    Each parameter has its own column of numbers. So generators that differ in what they use (an image's and its
    mask's) still move the same image alike for the same seed.

    Args:
        ranges: what to draw from.
        height: of the images, in pixels.
        width: of the images, in pixels.
        seed: the iterator's seed.
        epoch: counted from 0.
        block: which block, from 0.

    Example:
        >>> ranges = TransformRanges(rotation_range=10, horizontal_flip=True)
        >>> block = draw_block(ranges, 224, 224, seed=0, epoch=0, block=0)
        >>> sorted(block.columns), bool(abs(block.columns["theta"]).max() <= 10)
        (['flip_horizontal', 'theta'], True)
    """
    rng = stream(seed, epoch, block, _TRANSFORMS)
    u = dict(zip(_DRAWS, rng.random((BLOCK, len(_DRAWS))).T, strict=True))
    seeds = rng.integers(0, 1 << 63, BLOCK, dtype=np.uint64)
    columns: dict[str, np.ndarray] = {}
    if ranges.rotation_range:
        columns["theta"] = (2 * u["theta"] - 1) * ranges.rotation_range
    if _is_set(ranges.height_shift_range):
        columns["tx"] = _shifts(ranges.height_shift_range, u["tx"], u["tx_sign"], height)
    if _is_set(ranges.width_shift_range):
        columns["ty"] = _shifts(ranges.width_shift_range, u["ty"], u["ty_sign"], width)
    if ranges.shear_range:
        columns["shear"] = (2 * u["shear"] - 1) * ranges.shear_range
    low, high = ranges.zoom_range
    if not low == high == 1:
        columns["zx"], columns["zy"] = low + (high - low) * u["zx"], low + (high - low) * u["zy"]
    if ranges.horizontal_flip:
        columns["flip_horizontal"] = u["horizontal"] < 0.5
    if ranges.vertical_flip:
        columns["flip_vertical"] = u["vertical"] < 0.5
    if ranges.channel_shift_range != 0:
        columns["channel_shift_intensity"] = (2 * u["channel"] - 1) * ranges.channel_shift_range
    if ranges.brightness_range is not None:
        low, high = ranges.brightness_range
        columns["brightness"] = low + (high - low) * u["brightness"]
    return _finish(columns, seeds, height, width)


def block_of_one(parameters: Mapping[str, Any], height: int, width: int) -> Block:
    """Returns a block of one image from its parameters; keys that are left out stand for no change.

    Example:
        >>> block_of_one({"flip_horizontal": True}, 64, 64).moves.tolist()  # a flip is no warp
        [False]
    """
    given = IDENTITY | {name: value for name, value in parameters.items() if value is not None}
    columns = {name: np.array([value]) for name, value in given.items() if name != "noise" and value is not None}
    return _finish(columns, np.zeros(1, np.uint64), height, width)


def draw_as_keras(ranges: TransformRanges, random: np.random.RandomState, height: int, width: int) -> dict[str, Any]:
    """Draws one image's parameters in the order in which Keras's class draws them: equal seeds, equal parameters.

    Args:
        ranges: what to draw from.
        random: where the numbers come from.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    theta = random.uniform(-ranges.rotation_range, ranges.rotation_range) if ranges.rotation_range else 0
    tx = _draw_shift(random, ranges.height_shift_range, height)
    ty = _draw_shift(random, ranges.width_shift_range, width)
    shear = random.uniform(-ranges.shear_range, ranges.shear_range) if ranges.shear_range else 0
    low, high = ranges.zoom_range
    zx, zy = (1, 1) if low == high == 1 else random.uniform(low, high, 2)
    flip_horizontal = (random.random_sample() < 0.5) * ranges.horizontal_flip
    flip_vertical = (random.random_sample() < 0.5) * ranges.vertical_flip
    shift = ranges.channel_shift_range
    return {
        "theta": theta,
        "tx": tx,
        "ty": ty,
        "shear": shear,
        "zx": zx,
        "zy": zy,
        "flip_horizontal": flip_horizontal,
        "flip_vertical": flip_vertical,
        "channel_shift_intensity": random.uniform(-shift, shift) if shift != 0 else None,
        "brightness": None if ranges.brightness_range is None else random.uniform(*ranges.brightness_range),
    }


def epoch_order(count: int, *, seed: int, epoch: int, shuffle: bool) -> np.ndarray:
    """Returns the order in which `count` images come in an epoch.

    Example:
        >>> epoch_order(4, seed=0, epoch=0, shuffle=False).tolist()
        [0, 1, 2, 3]
    """
    return stream(seed, epoch, _ORDER).permutation(count) if shuffle else np.arange(count)


def _finish(columns: dict[str, np.ndarray], seeds: np.ndarray, height: int, width: int) -> Block:
    used = {
        name: np.broadcast_to(columns.get(name, IDENTITY[name]), seeds.shape)
        for name in (*_GEOMETRY, "flip_horizontal", "flip_vertical")
    }
    moves = np.any([used[name] != IDENTITY[name] for name in _GEOMETRY], axis=0)
    return Block(columns, affine_matrices(height, width, **used), moves, seeds)


def _is_set(shift_range: Shift) -> bool:
    """Returns whether a shift range asks for shifts: a list with something in it, or a number that is not 0."""
    return bool(len(shift_range)) if np.ndim(shift_range) else bool(shift_range)


def _shifts(shift_range: Shift, draw: np.ndarray, sign: np.ndarray, size: int) -> np.ndarray:
    """Turns numbers in 0..1 into shifts in pixels.

    A list is chosen from, and a whole number is a range of whole pixels, both with a random sign. Any other number is a
    range, as a share of the size if below 1.
    """
    if np.ndim(shift_range) or isinstance(shift_range, (int, np.integer)):
        choices = np.asarray(shift_range) if np.ndim(shift_range) else np.arange(shift_range)
        shifts = choices[(draw * len(choices)).astype(int)] * np.where(sign < 0.5, -1, 1)
    else:
        shifts = (2 * draw - 1) * shift_range
    return shifts * (size if np.max(shift_range) < 1 else 1)


def _draw_shift(random: np.random.RandomState, shift_range: Shift, size: int) -> float:
    if not _is_set(shift_range):
        return 0
    try:  # a list of shifts, or a whole number of pixels
        shift = random.choice(shift_range)
        shift *= random.choice([-1, 1])
    except ValueError:
        shift = random.uniform(-shift_range, shift_range)
    return shift * size if np.max(shift_range) < 1 else shift
