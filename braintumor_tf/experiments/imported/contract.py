"""Is a model from elsewhere given what it learned from? Real images tell: another range, another order of classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from braintumor_tf.models.image_fitting import read_for
from braintumor_tf.predictions_table import class_numbers

if TYPE_CHECKING:
    from braintumor_tf.models.wrapped.wrapping import WrappedModel

IMAGES = 200
"""Images that are looked at, at most, one a group where possible."""

UNLIKELY = 0.01
"""What is said would happen by chance less often than this, over all that was tried."""

SAME_ANSWER, SATURATED = 0.95, 0.999
"""The share of images with one answer, and the probability, that are named."""

RANGES = ("none", "1/255,0", "1/127.5,-1", "vgg16", "densenet")
"""Ranges that are tried: 0 to 255, 0 to 1, -1 to 1, and the two ways of ImageNet's colours."""


@dataclass(frozen=True)
class _Reading:
    """What the model says if it is understood in one way.

    Attributes:
        range: how pixels are scaled, as ``--preprocess`` has it; None for as was said.
        order: class names in the order of the answers; None for as was said.
        right: whether each image is right.
    """

    range: str | None
    order: tuple[str, ...] | None
    right: np.ndarray

    @property
    def change(self) -> str:
        """What to say differently, as options of the command."""
        parts = ["" if self.range is None else f"--preprocess {self.range}"]
        parts += ["" if self.order is None else f"--classes {','.join(self.order)}"]
        return " ".join(filter(None, parts))


def contract_hints(wrapped: WrappedModel, manifest: pd.DataFrame, *, images: int = IMAGES, seed: int = 0) -> list[str]:
    """Looks at what a wrapped model says of some labelled images, and says what speaks against its contract.

    Accuracy is compared with what the model's answers would reach by chance (the product of the shares of labels and
    answers), and with the accuracy under other ranges of the pixels and other orders of the classes, on the same
    images (exact binomial tests, the second on the images that one of the two gets right, divided by the number of
    readings that were tried).

    Args:
        wrapped: the model.
        manifest: labelled images, grouped.
        images: how many are looked at.
        seed: of the draw.

    Returns:
        Sentences; none where nothing is wrong. Nothing is changed.
    """
    shuffled = manifest.sample(frac=1, random_state=seed)
    repeated = shuffled.duplicated("group") & (shuffled["group"].astype(str) != "")
    rows = pd.concat([shuffled[~repeated], shuffled[repeated]]).head(images)
    network = wrapped.network
    pixels = np.stack([read_for(network, path) for path in rows["path"]])
    truth = class_numbers(rows["label"], network.classes)
    found = network.predict_images(pixels)
    named, size = found.argmax(axis=1), len(rows)
    right = named == truth
    said = [_below_chance(truth, named), _one_answer(truth, named, found, network.classes)]
    best, tried = _best_reading(wrapped, pixels, truth, named)
    if best is not None and _better(best.right, right, tried):
        said.append(
            f"{best.change} fits better: accuracy {best.right.mean():.2f} instead of {right.mean():.2f} on the same "
            f"{size} images. It is a hint, nothing was changed; ask those who trained the model"
        )
    elif any(said):
        said.append("no other common range or order of classes fits better; the images may be unlike its training's")
    return [text for text in said if text]


def _below_chance(truth: np.ndarray, named: np.ndarray) -> str:
    chance = sum(float((truth == place).mean() * (named == place).mean()) for place in set(truth.tolist()))
    right = int((truth == named).sum())
    if binomtest(right, len(truth), min(chance, 1.0), alternative="less").pvalue >= UNLIKELY:
        return ""
    return (
        f"accuracy on {len(truth)} of the images is {right / len(truth):.2f}, below the {chance:.2f} of chance: the "
        "classes may be in another order"
    )


def _one_answer(truth: np.ndarray, named: np.ndarray, found: np.ndarray, classes: Sequence[str]) -> str:
    counts = np.bincount(named, minlength=len(classes))
    share, labels = counts.max() / len(named), np.bincount(truth).max() / len(truth)
    if share < SAME_ANSWER or labels >= SAME_ANSWER:
        return ""
    saturated = float((found.max(axis=1) >= SATURATED).mean())
    sure = f", {saturated:.0%} of its probabilities are {SATURATED} or more" if saturated > 0.5 else ""
    return (
        f"the model calls {share:.0%} of {len(named)} images {classes[int(counts.argmax())]}{sure}: the range of the "
        "pixels may be another one"
    )


def _better(one: np.ndarray, other: np.ndarray, tried: int) -> bool:
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    if gained <= lost:
        return False
    return binomtest(gained, gained + lost, alternative="greater").pvalue * tried < UNLIKELY


def _best_reading(
    wrapped: WrappedModel, pixels: np.ndarray, truth: np.ndarray, named: np.ndarray
) -> tuple[_Reading | None, int]:
    """Returns the reading with the most right images, of equal ones that with fewer changes; and how many there are."""
    readings = list(_readings(wrapped, pixels, truth, named))
    tried = len(readings) * math.factorial(len(wrapped.network.classes))
    ranked = sorted(
        readings, key=lambda one: (-int(one.right.sum()), (one.range is not None) + (one.order is not None))
    )
    return (ranked[0] if ranked else None), tried


def _readings(wrapped: WrappedModel, pixels: np.ndarray, truth: np.ndarray, named: np.ndarray) -> Iterator[_Reading]:
    classes = wrapped.network.classes
    answers = {None: named, **_under_other_ranges(wrapped, pixels)}
    for name, places in answers.items():
        if name is not None:
            yield _Reading(name, None, places == truth)
        order = _best_order(truth, places, len(classes))
        if (order != np.arange(len(classes))).any():
            yield _Reading(name, tuple(classes[place] for place in order), order[places] == truth)


def _best_order(truth: np.ndarray, named: np.ndarray, classes: int) -> np.ndarray:
    """Returns for each answer the class that it would have to mean for the most images to be right."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (named, truth), 1)
    _, order = linear_sum_assignment(counts + 1e-6 * np.eye(classes), maximize=True)  # else, its own class
    return order


def _under_other_ranges(wrapped: WrappedModel, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns what the model answers if pixels are scaled in other ways: its own scaling is undone beforehand."""
    from braintumor_tf.models.wrapped.pixel_scaling import PixelScaling, parse_preprocess

    own, found = wrapped.scaling, {}
    if own is None:
        return found
    wanted = own.applied(pixels)
    for text in RANGES:
        other = PixelScaling.of(parse_preprocess(text))
        if pixels.shape[-1] == 1 and (other.reverse or len(set(other.scale)) > 1):
            continue
        values = other.applied(pixels)
        if np.allclose(values, wanted, atol=1e-2 * float(np.ptp(wanted) or 1)):
            continue
        values = values[..., ::-1] if own.reverse else values
        given = (values - np.float32(own.offset)) / np.float32(own.scale)
        found[text] = wrapped.network.model.predict(given, verbose=0).argmax(axis=1)
    return found
