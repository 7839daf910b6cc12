"""Does an explanation depend on what was learned? Weights randomised layer by layer must change the map.

The cascading test of Adebayo et al. (2018), "Sanity checks for saliency maps".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import keras
import numpy as np
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, mean_scores
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow
from braintumor_tf.explanation.heat_maps import explain
from braintumor_tf.explanation.images import GivenImages, Images
from braintumor_tf.explanation.methods import choose_method
from braintumor_tf.explanation.subject import Model, Subject
from braintumor_tf.explanation.targets import Target
from braintumor_tf.models.network import Network
from braintumor_tf.progress import progress_bar
from braintumor_tf.types import Score

GRID = 64
"""Side in pixels at which maps are compared."""

ORIGINAL = "original"
OTHER_IMAGE = "another image"

_ROUNDING = 1e-4

_CONSTANTS = {"bias": 0.0, "beta": 0.0, "moving_mean": 0.0, "gamma": 1.0, "moving_variance": 1.0}
"""Values that weights of these names have before training."""


@dataclass(frozen=True, kw_only=True)
class RandomisationRow(CheckRow):
    """How much maps are still like the original ones after a step; intervals are 95 % over groups.

    Attributes:
        step: ``"original"``, the number of the step, or ``"another image"``.
        down_to: the lowest layer that is random.
        random_share: share of the weights that are random.
        spearman: rank correlation of the pixels with the original map, -1 to 1; 0 where a map is the same everywhere.
        ssim: structural similarity with the original map, up to 1.
        empty: maps that are 0 all over.
        images: images that were compared. Those whose original map is the same everywhere are left out, since it cannot
            change. Where all are (a feature map of one cell), it is 0 and the scores are undefined.
    """

    step: str
    down_to: str
    random_share: float
    spearman: Score
    ssim: Score
    empty: int
    images: int


def randomisation_check(
    model: Model,
    images: Images,
    *,
    method: str | None = None,
    seed: int = 0,
    steps: int = 8,
    target: Target | Sequence[Target] = None,
    batch_size: int = 16,
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    show_progress: bool = True,
) -> CheckResult[RandomisationRow]:
    """Randomises a copy of a network from the classification downwards and compares the maps with the original's.

    Each layer gets first weights drawn anew as it would before training, and keeps them while the layers below follow.
    If the map stays the same it shows the image and not what the network has learned from it. The last row compares
    each image's map with that of the next one, which tells how alike the maps of unrelated images are.

    Args:
        model: a network of `braintumor_tf.models`, a run with one, or its directory; it is not changed.
        images: as for `explain`; ten or more give a useful interval.
        method: a name of `METHODS`; None for the model's own.
        seed: of the weights and the resamples.
        steps: in how many steps; the first is the classification layer alone.
        target: as for `explain`; None for the classes that the trained model predicts, in every step.
        batch_size: as for `explain`.
        groups: the group of each image, over which intervals are drawn; None for one each.
        resamples: of the intervals.
        show_progress: whether to show a bar.

    Returns:
        The original, one row a step, and another image where there is one.

    Raises:
        ExplanationError: the model is no network, the steps are under 1, or as `explain`.

    Example:
        >>> print(randomisation_check("models/cnn", paths)["8"].spearman)  # doctest: +SKIP
        0.02 (-0.04-0.08)
    """
    subject = Subject(model)
    if subject.network is None:
        raise ExplanationError(f"{subject.name} has no layers to randomise; give a network such as CNN")
    if steps < 1:
        raise ExplanationError(f"{steps!r} steps are too few; give 1 or more")
    method = choose_method(method, subject.kind, subject.name).name
    count = len(GivenImages(images, grey=subject.grey, crop=subject.crop))
    if target is None:
        target = _predicted(subject, images, batch_size)
    numbers = group_numbers([""] * count if groups is None else groups)
    if len(numbers) != count:
        raise ExplanationError(f"{len(numbers)} groups for {count} images; give one an image")

    def maps(network: keras.Model) -> np.ndarray:
        asked = Network(network, preprocess=subject.predictor.preprocess)
        found = explain(asked, images, method=method, target=target, batch_size=batch_size)
        return np.stack([cv2.resize(heat, (GRID, GRID), interpolation=cv2.INTER_AREA) for heat in found])

    def compare(step: str, down_to: str, share: float, found: np.ndarray) -> RandomisationRow:
        return _row(step, down_to, share, original, found, numbers, resamples=resamples, seed=seed)

    copy = copy_network(subject.network)
    stages = cascade(copy, steps)
    total, random, generator = copy.count_params(), 0, np.random.default_rng(seed)
    original = maps(copy)
    rows = [compare(ORIGINAL, "", 0.0, original)]
    for number, layers in enumerate(progress_bar(stages, "Randomising", show=show_progress), start=1):
        for layer in layers:
            randomise(layer, generator)
        random += sum(layer.count_params() for layer in layers)
        rows.append(compare(str(number), layers[-1].name, random / total, maps(copy)))
    if count > 1:
        rows.append(compare(OTHER_IMAGE, "", 0.0, np.roll(original, 1, axis=0)))
    return CheckResult(tuple(rows))


def copy_network(network: keras.Model) -> keras.Model:
    """Returns a network of the same layers and weights, independent of the given one."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def cascade(network: keras.Model, steps: int) -> list[list[keras.layers.Layer]]:
    """Sorts the layers that learn from the top down into at most `steps` pieces; the first is one layer."""
    scaling = keras.layers.Normalization  # its weights are the input's mean and variance, which are not learned here
    layers = [layer for layer in reversed(network.layers) if layer.weights and not isinstance(layer, scaling)]
    if steps == 1:
        return [layers]
    pieces = np.array_split(np.arange(1, len(layers)), steps - 1)
    return [layers[:1], *([layers[place] for place in piece] for piece in pieces if len(piece))]


def randomise(layer: keras.layers.Layer, generator: np.random.Generator) -> None:
    """Gives all weights of a layer, and of the layers inside it, values as before training.

    Biases and the weights of normalisations get the constants that they start from. Kernels are drawn by He's rule.
    Others (class tokens, positions) are drawn from a normal distribution as wide as their values are.
    """
    for weight in layer.weights:
        seed = int(generator.integers(2**31))
        if weight.name in _CONSTANTS:
            values = np.full(weight.shape, _CONSTANTS[weight.name])
        elif "kernel" in weight.name:
            values = keras.initializers.HeNormal(seed)(weight.shape)
        else:
            values = generator.normal(0, float(np.std(keras.ops.convert_to_numpy(weight))), weight.shape)
        weight.assign(values)


def flat(heat: np.ndarray) -> bool:
    """Returns whether a map is the same everywhere, but for rounding.

    Example:
        >>> flat(np.full((2, 2), 0.5)), flat(np.eye(2))
        (True, False)
    """
    return float(heat.max() - heat.min()) < _ROUNDING


def similarities(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compares maps image by image.

    Args:
        first: maps from 0 to 1, shape ``(images, rows, columns)``, at least 7 x 7.
        second: of the same shape.

    Returns:
        Spearman's rank correlation of the pixels, from -1 to 1, 0 where a map is the same everywhere; and structural
        similarity, up to 1. Each of shape ``(images,)``.
    """
    ranks, structure = [], []
    for one, other in zip(first, second):
        ranks.append(0.0 if flat(one) or flat(other) else float(spearmanr(one, other, axis=None).statistic))
        structure.append(float(structural_similarity(one, other, data_range=1.0)))
    return np.array(ranks), np.array(structure)


def _row(
    step: str,
    down_to: str,
    share: float,
    original: np.ndarray,
    maps: np.ndarray,
    groups: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> RandomisationRow:
    varied = np.array([not flat(heat) for heat in original], bool)
    scores = {"spearman": Score(None), "ssim": Score(None)}
    if varied.any():
        ranks, structure = similarities(original[varied], maps[varied])
        numbers = np.unique(groups[varied], return_inverse=True)[1]
        columns = {"spearman": ranks, "ssim": structure}
        within = dict.fromkeys(columns, (-1.0, 1.0))
        scores = mean_scores(columns, numbers, within=within, resamples=resamples, seed=seed)
    return RandomisationRow(
        step=step,
        down_to=down_to,
        random_share=share,
        **scores,
        empty=int((maps.max(axis=(1, 2)) <= 0).sum()),
        images=int(varied.sum()),
    )


def _predicted(subject: Subject, images: Images, batch_size: int) -> list[int]:
    given = GivenImages(images, grey=subject.grey, crop=subject.crop)
    found = [
        subject.probabilities(given.read(start, batch_size)).argmax(axis=1)
        for start in range(0, len(given), batch_size)
    ]
    return [int(number) for number in np.concatenate(found)]
