"""Do explanations point at the lesion? Scores of maps against masks, beside maps that know nothing.

Maps and masks come as arrays or sequences of single ones, whose sizes may differ from image to image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, mean_scores
from braintumor_tf.explanation.checks.masks import find_masks, grow, read_mask
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.progress import progress_bar

TOLERANCE = 0.03
"""How far beside the lesion a map's peak may lie, as a share of the longer side: 15 pixels of 500, as in the paper."""

RANDOM, HEAD = "random", "head"
REFERENCES = (RANDOM, "uniform", HEAD)
"""Maps that know nothing of the model: smooth noise, the same everywhere, and the same all over the head."""

_CHUNK = 32


def pointing_game(maps: Any, masks: Any, tolerance: float = TOLERANCE) -> np.ndarray:
    """Says for each map whether its highest value lies on the lesion (pointing game, Zhang et al., 2018).

    Where several pixels share the highest value, the share of them that lies on the lesion counts; so a map that is the
    same everywhere scores what guessing a pixel does (`pointing_by_chance`).

    Args:
        maps: finite and not negative, each of shape ``(height, width)``.
        masks: of the lesions, each of its map's shape, 0 outside; none empty.
        tolerance: how far beside the lesion still counts, as a share of the longer side.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.

    Raises:
        ExplanationError: numbers or shapes do not fit, a mask is empty, or a map is not finite or negative.

    Example:
        >>> pointing_game(mask[None].astype(float), mask[None])
        array([1.])
    """
    return np.array([grow(mask, tolerance)[heat == heat.max()].mean() for heat, mask in _pairs(maps, masks)])


def energy_inside(maps: Any, masks: Any) -> np.ndarray:
    """Says for each map which share of its sum lies on the lesion (energy-based pointing game, Wang et al., 2020).

    A map that is 0 all over counts as one that is the same everywhere.

    Args:
        maps: finite and not negative, each of shape ``(height, width)``.
        masks: of the lesions, each of its map's shape, 0 outside; none empty.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.

    Raises:
        ExplanationError: as `pointing_game`.

    Example:
        >>> energy_inside(np.ones((1, 10, 10)), mask[None]) == area_share(mask[None])
        array([ True])
    """
    return np.array([_energy(heat, mask) for heat, mask in _pairs(maps, masks)])


def _energy(heat: np.ndarray, mask: np.ndarray) -> float:
    total = heat.sum(dtype=np.float64)
    return float(heat[mask].sum(dtype=np.float64) / total) if total > 0 else float(mask.mean())


def area_share(masks: Any) -> np.ndarray:
    """Returns the share of each picture that is lesion: the energy inside that a map without knowledge has on average.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.
    """
    return np.array([float(np.mean(np.asarray(mask) != 0)) for mask in masks])


def pointing_by_chance(masks: Any, tolerance: float = TOLERANCE) -> np.ndarray:
    """Returns how probable it is that a pixel drawn at random is a hit: the grown lesion's share of each picture."""
    return np.array([float(grow(np.asarray(mask) != 0, tolerance).mean()) for mask in masks])


def _pairs(maps: Any, masks: Any) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    if len(maps) != len(masks):
        raise ExplanationError(f"{len(maps)} maps and {len(masks)} masks; give one mask a map")
    pairs = [(np.asarray(heat), np.asarray(mask) != 0) for heat, mask in zip(maps, masks)]
    for number, (heat, mask) in enumerate(pairs):
        if heat.ndim != 2 or heat.shape != mask.shape:
            raise ExplanationError(f"map {number} has shape {heat.shape}, its mask {mask.shape}; both (height, width)")
        if not mask.any():
            raise ExplanationError(f"mask {number} is empty; leave out images whose mask holds nothing")
        if not np.isfinite(heat).all() or heat.min() < 0:
            raise ExplanationError(f"map {number} holds negative values, NaN or infinity; give values from 0")
    return pairs


def localisation_table(
    model: Any,
    manifest: pd.DataFrame,
    masks: Sequence[Any] | None = None,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    tolerance: float = TOLERANCE,
    batch_size: int = 16,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Scores explanation methods against lesion masks, beside the maps of `REFERENCES`.

    Each method is asked about the class that the label says. Images are read, explained and scored a few at a time.

    Args:
        model: as for `explain`.
        manifest: the images; those without a mask are left out.
        masks: files or arrays, one for each row of the manifest, None for an image without; None finds those of
            synthetic images (`find_masks`).
        methods: names of `METHODS`, or a name for each row of the table with the arguments of `explain` that make its
            maps, such as ``{"block 3": {"method": "grad_cam", "layer": "block_3_relu_2"}}``; None for all methods that
            fit the model.
        tolerance: of the pointing game.
        batch_size: as for `explain`.
        seed: of the random maps and the resamples.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Returns:
        One row a method, references last: `method`, `reference` (bool), `pointing`, `energy`, `energy_gain` (over the
        random map on the same images) and `energy_beyond_head` (over the head alone), each with `…_low` and `…_high`,
        the 95 % interval over groups; `pointing_by_chance`, `area_share`, `empty` (maps that are 0 all over), `images`,
        `groups`.

    Raises:
        ExplanationError: no image has a mask, a method is unknown or does not fit, a mask does not fit its image.
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    subject = Subject(model)
    masks = find_masks(manifest).tolist() if masks is None else list(masks)
    if len(masks) != len(manifest):
        raise ExplanationError(f"{len(masks)} masks for {len(manifest)} images; give one an image, None for none")
    there = np.array([mask is not None for mask in masks], bool)
    if not there.any():
        raise ExplanationError("no image has a lesion mask; give masks, or images of a synthetic data set")
    rows, masks = manifest[there], [mask for mask in masks if mask is not None]
    chosen = methods_for(subject.kind) if methods is None else methods
    asked = dict(chosen) if isinstance(chosen, Mapping) else {name: {"method": name} for name in chosen}
    asked = {name: settings for name, settings in asked.items() if name not in REFERENCES}
    asked |= {name: {"method": name} for name in REFERENCES}
    asked[RANDOM] = {"method": RANDOM, "seed": seed}
    measured = {
        name: _measure(_maps_of(subject, settings, batch_size), rows, masks, tolerance, name, show_progress)
        for name, settings in asked.items()
    }
    return _table(measured, group_numbers(rows["group"]), resamples, seed)


def _maps_of(subject: Any, settings: Mapping[str, Any], batch_size: int) -> Callable[[pd.DataFrame], Any]:
    from braintumor_tf.explanation.heat_maps import explain

    model = subject.predictor if subject.network is None else subject.network

    def maps(rows: pd.DataFrame) -> Any:
        paths = rows["path"].tolist()
        if settings["method"] == HEAD:
            return [head_mask(read_image(path)).astype(np.float32) for path in paths]
        if settings["method"] == "uniform":
            return [np.ones(read_image(path).shape, np.float32) for path in paths]
        return explain(model, paths, **{"target": rows["label"].tolist(), "batch_size": batch_size, **settings})

    return maps


def _measure(
    maps_of: Callable, rows: pd.DataFrame, masks: list[Any], tolerance: float, name: str, show_progress: bool
) -> dict[str, np.ndarray]:
    parts = []
    for start in progress_bar(range(0, len(rows), _CHUNK), f"Locating ({name})", show=show_progress):
        maps = maps_of(rows.iloc[start : start + _CHUNK])
        known = [read_mask(mask, heat.shape) for mask, heat in zip(masks[start : start + _CHUNK], maps)]
        parts.append(
            {
                "pointing": pointing_game(maps, known, tolerance),
                "energy": energy_inside(maps, known),
                "pointing_by_chance": pointing_by_chance(known, tolerance),
                "area_share": area_share(known),
                "empty": np.array([float(heat.max() <= 0) for heat in maps]),
            }
        )
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _table(measured: dict[str, dict[str, np.ndarray]], groups: np.ndarray, resamples: int, seed: int) -> pd.DataFrame:
    table = []
    for name, found in measured.items():
        columns = {
            "pointing": found["pointing"],
            "energy": found["energy"],
            "energy_gain": found["energy"] - measured[RANDOM]["energy"],
            "energy_beyond_head": found["energy"] - measured[HEAD]["energy"],
        }
        row: dict[str, Any] = {"method": name, "reference": name in REFERENCES}
        for key, entry in mean_scores(columns, groups, resamples=resamples, seed=seed).items():
            row |= entry.columns(key)
        row |= {key: float(found[key].mean()) for key in ("pointing_by_chance", "area_share")}
        row |= {"empty": int(found["empty"].sum()), "images": len(groups), "groups": int(groups.max()) + 1}
        table.append(row)
    return pd.DataFrame(table)
