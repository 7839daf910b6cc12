"""The source probe: whether a linear model can name the origin of an image from a network's features.

Where it can, the network tells places apart, and a score may rest on that wherever a class comes from one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from braintumor_tf.evaluation.probing.features import image_features
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, with_interval
from braintumor_tf.evaluation.scores.proportions import label_score_groups, macro_groups
from braintumor_tf.evaluation.scores.weighted_metrics import balanced_accuracy, weighted_confusion
from braintumor_tf.leakage.baseline_models import thumbnail_features
from braintumor_tf.leakage.origins import origin_names
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor, Score

if TYPE_CHECKING:
    import keras

MIN_IMAGES, MIN_GROUPS = 20, 5
"""An origin with fewer images or groups is left out: its share of the folds would be a handful of pictures."""

MAX_IMAGES = 2000
"""Images that are asked about at most; of more, this many are drawn."""

FOLDS = 5

_REGULARISATION = 0.1
"""Inverse strength of the L2 penalty on standardised features (scikit-learn's ``C``)."""


@dataclass(frozen=True)
class ProbeScore:
    """How often origins are named correctly, out of fold.

    Attributes:
        balanced_accuracy: mean over the origins of the share of their images that is named; the interval is over
            groups. Within classes it is the mean over the classes.
        chance: what guessing reaches: 1 divided by the number of origins.
        origins: the names that were to be told apart.
        images: how many were asked about.
    """

    balanced_accuracy: Score
    chance: float
    origins: tuple[str, ...]
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Returns ``value``, ``low`` and ``high``, and ``chance``, ``origins`` and ``images`` beside them."""
        beside = {"chance": self.chance, "origins": list(self.origins), "images": self.images}
        return {**self.balanced_accuracy.to_dict(), **beside}


@dataclass(frozen=True, kw_only=True)
class OriginProbe:
    """What one kind of features tells of the origins.

    Attributes:
        overall: over all images; class and origin may go together here, so a network that names classes names origins.
        within_classes: each class alone, and the mean over the classes: the number to believe. None where no class has
            two origins.
        classes: of each class that has two origins.
    """

    overall: ProbeScore
    within_classes: ProbeScore | None
    classes: Mapping[str, ProbeScore]

    def to_dict(self) -> dict[str, Any]:
        """Returns ``overall``, ``within_classes`` and ``classes``."""
        within = None if self.within_classes is None else self.within_classes.to_dict()
        classes = {name: each.to_dict() for name, each in self.classes.items()}
        return {"overall": self.overall.to_dict(), "within_classes": within, "classes": classes}


@dataclass(frozen=True, kw_only=True)
class SourceProbe:
    """What a linear model tells of the origins of images that the network was not trained on.

    Attributes:
        splits: which images were asked about.
        origins: images and groups of each origin that was asked about.
        left_out: images and groups of each origin with too few.
        features: from the network's features; None where fewer than two origins are left.
        pixels: from 32x32 thumbnails, for comparison.
    """

    splits: tuple[str, ...]
    origins: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, Mapping[str, int]]
    features: OriginProbe | None
    pixels: OriginProbe | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the probe as ``metrics.json`` holds it under ``source_probe``."""
        return {
            "splits": list(self.splits),
            "origins": {name: dict(each) for name, each in self.origins.items()},
            "left_out": {name: dict(each) for name, each in self.left_out.items()},
            "features": self.features and self.features.to_dict(),
            "pixels": self.pixels and self.pixels.to_dict(),
        }


def source_probe(
    model: Predictor | keras.Model | Run | str | Path,
    manifest: pd.DataFrame,
    *,
    splits: Sequence[str] = ("validation", "test"),
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> SourceProbe | None:
    """Asks whether a linear model can name the origin of images from a model's features.

    A logistic regression learns to name the origin (`leakage.origin_names`), and is asked about groups that it has not
    seen (`StratifiedGroupKFold` of scikit-learn, 5 folds). The same is asked of thumbnails of 32x32 pixels, because a
    picture tells its origin before any network looks at it.

    Args:
        model: as for `image_features`.
        manifest: a split manifest with groups and, where images were linked, origins.
        splits: whose images are asked about; those that the network was trained on may look special to it.
        seed: of the folds, the resamples, and the choice of images where there are more than 2,000.
        resamples: of the intervals.
        show_progress: whether to show a bar.

    Returns:
        The probe, or None where all these images are of one origin.

    Raises:
        EvaluationError: the model has no features of one kind, such as an ensemble.

    Example:
        >>> found = source_probe("models/cnn", bt.Run("models/cnn").manifest)  # doctest: +SKIP
        >>> found.features.within_classes.balanced_accuracy, found.features.within_classes.chance  # doctest: +SKIP
        (Score(value=0.81, low=0.74, high=0.87), 0.5)
    """
    rows = manifest[manifest["split"].isin(list(splits))]
    rows = rows.assign(origin=origin_names(rows)).reset_index(drop=True)
    if rows["origin"].nunique() < 2:
        return None
    sizes = _sizes(rows)
    enough = _enough(sizes)
    chosen = rows[rows["origin"].isin(sizes.index[enough])]
    if len(chosen) > MAX_IMAGES:
        chosen = chosen.sample(MAX_IMAGES, random_state=seed).sort_index()
    features = pixels = None
    if enough.sum() >= 2:
        how = {"seed": seed, "resamples": resamples}
        features = probe_origins(image_features(model, chosen, show_progress=show_progress), chosen, **how)
        pixels = probe_origins(thumbnail_features(chosen), chosen, **how)
    return SourceProbe(
        splits=tuple(splits),
        origins=sizes[enough].to_dict("index"),
        left_out=sizes[~enough].to_dict("index"),
        features=features,
        pixels=pixels,
    )


def probe_origins(features: np.ndarray, rows: pd.DataFrame, *, seed: int = 0, resamples: int = 1000) -> OriginProbe:
    """Lets a linear model name the origin of images from features, all together and within each class.

    Args:
        features: shape ``(images, features)``.
        rows: ``origin``, ``label`` and ``group`` of each image, two origins at least.
        seed: of the folds and of the resamples.
        resamples: of the intervals.

    Returns:
        The scores; within a class, origins with fewer than 20 images or 5 groups of it are passed over.

    Example:
        >>> rows = pd.DataFrame({"origin": ["a", "b"] * 40, "label": "glioma", "group": [str(n) for n in range(80)]})
        >>> found = probe_origins((rows["origin"] == "a").to_numpy(float)[:, None], rows)
        >>> found.overall.balanced_accuracy.value, found.within_classes.chance
        (1.0, 0.5)
    """
    rows = rows.reset_index(drop=True)
    named = _named_origins(features, rows, seed)
    parts: dict[str, tuple[pd.DataFrame, np.ndarray]] = {}
    for label, part in rows.groupby("label"):
        sizes = _sizes(part)
        part = part[part["origin"].isin(sizes.index[_enough(sizes)])]
        if part["origin"].nunique() > 1:
            parts[str(label)] = part, _named_origins(features[part.index], part, seed)
    how = {"groups": group_numbers(rows["group"]), "seed": seed, "resamples": resamples}
    overall = _score({"": (rows, named)}, **how)
    within = _score(parts, **how) if parts else None
    return OriginProbe(
        overall=overall,
        within_classes=within,
        classes={label: _score({label: part}, **how) for label, part in parts.items()},
    )


def _sizes(rows: pd.DataFrame) -> pd.DataFrame:
    numbered = rows.assign(group=group_numbers(rows["group"]))
    return numbered.groupby("origin").agg(images=("group", "size"), groups=("group", "nunique"))


def _enough(sizes: pd.DataFrame) -> pd.Series:
    return (sizes["images"] >= MIN_IMAGES) & (sizes["groups"] >= MIN_GROUPS)


def _named_origins(features: np.ndarray, rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Returns the origin that is named for each image by a model that has not seen its group."""
    origins, groups = rows["origin"].to_numpy(str), group_numbers(rows["group"])
    folds = StratifiedGroupKFold(min(FOLDS, int(_sizes(rows)["groups"].min())), shuffle=True, random_state=seed)
    named = np.empty_like(origins)
    with threadpool_limits(1):  # products this small cost more in waiting threads than they take
        for known, asked in folds.split(features, origins, groups):
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=_REGULARISATION, max_iter=500, class_weight="balanced")
            )
            named[asked] = model.fit(features[known], origins[known]).predict(features[asked])
    return named


def _score(
    parts: Mapping[str, tuple[pd.DataFrame, np.ndarray]], *, groups: np.ndarray, seed: int, resamples: int
) -> ProbeScore:
    """Scores what was named, the mean over several parts of the images; `groups` are numbers of all images."""
    formulas = [_balanced_accuracy(rows, named) for rows, named in parts.values()]

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.mean([formula(weights) for formula in formulas], axis=0)

    drawn = [mean(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
    value = float(mean(np.ones((1, len(groups))))[0])
    names = [sorted(rows["origin"].unique()) for rows, _ in parts.values()]
    return ProbeScore(
        with_interval(value, np.concatenate(drawn) if drawn else None, groups=_groups(parts)),
        float(np.mean([1 / len(each) for each in names])),
        tuple(sorted(set().union(*names))),
        sum(len(rows) for rows, _ in parts.values()),
    )


def _groups(parts: Mapping[str, tuple[pd.DataFrame, np.ndarray]]) -> float:
    """Returns how many groups the mean over the parts rests on."""
    found = []
    for rows, _ in parts.values():
        origins, truth = np.unique(rows["origin"].to_numpy(str), return_inverse=True)
        found.append(label_score_groups(truth, group_numbers(rows["group"]), classes=len(origins))["balanced_accuracy"])
    return macro_groups(np.array(found))


def _balanced_accuracy(rows: pd.DataFrame, named: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from weights of all images to the balanced accuracy of those that `rows` holds."""
    names = sorted(rows["origin"].unique())
    truth, guessed = (np.searchsorted(names, values) for values in (rows["origin"].to_numpy(str), named))
    place = rows.index.to_numpy()
    return lambda weights: balanced_accuracy(weighted_confusion(truth, guessed, weights[:, place], classes=len(names)))
