"""One origin left out at a time: a run for each, and one run over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.experiments.folds import train_parts
from braintumor_tf.experiments.settings import ExperimentSettings
from braintumor_tf.leakage import OVERLAP, group, leave_each_origin_out, origin_names
from braintumor_tf.leakage.splits import LEAVE_ORIGIN_OUT
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset
from braintumor_tf.types import ModelConfig


def run_origins(
    manifest: pd.DataFrame,
    model: str | ModelConfig = "CNN",
    *,
    out: str | Path = "models/origins",
    preset: str | Path | Preset | None = None,
    noise: Noise | None = None,
    baselines: bool = True,
    seed: int = 0,
    resamples: int = 1000,
    config: Mapping[str, Any] | None = None,
    show_progress: bool = True,
    resume: bool = False,
    devices: str | Sequence[str] | None = None,
    **settings: Any,
) -> Run:
    """Trains one model for each origin on all other origins, and scores it on the one that it has not seen.

    As `run_folds`, with an origin for a fold: the run of the first origin is ``out/fold_0``, and its scores stand in
    ``metrics["folds"]`` under its name. An origin that alone has a class cannot be left out; ``config.json`` says so
    under ``origins_kept_in``, and its images are never scored. Images whose near-duplicate or patient is in another
    origin are ``overlap``, and not scored either.

    Args:
        manifest: a manifest with origins (`identity.link`); what its column `split` says is not read.
        model: as for `run_experiment`.
        out: the run directory.
        preset: as for `run_experiment`.
        noise: as for `run_experiment`.
        baselines: whether to score the shortcut baselines.
        seed: of the validation images, and of each training.
        resamples: of the intervals.
        config: what else to write into ``config.json`` of the run and of each part.
        show_progress: whether to show bars.
        resume: as for `run_folds`.
        devices: as for `run_experiment`.
        settings: as for `run_experiment`.

    Returns:
        The finished run.

    Raises:
        SplitError: there are fewer than two origins, or none can be left out.
        BrainTumorError: of the step that failed; the runs before it stay in the directory.

    Example:
        >>> run = run_origins(leakage.group(manifest), "CNN", out="models/cnn_origins", epochs=5)  # doctest: +SKIP
        >>> [(row["origin"], row["accuracy"]["value"]) for row in run.metrics["folds"]["runs"]]  # doctest: +SKIP
        [('br35h', 0.71), ('figshare', 0.64)]
    """
    manifest = group(manifest, show_progress=show_progress) if (manifest["group"] == "").any() else manifest
    splits, refused = leave_each_origin_out(manifest, seed=seed)
    about = {**(config or {}), "protocol": LEAVE_ORIGIN_OUT, "folds": len(splits), "origins": list(splits)}
    about |= {"origins_kept_in": refused}
    made = ExperimentSettings.of(
        model,
        manifest["label"],
        preset=preset,
        seed=seed,
        settings=settings,
        noise=noise,
        baselines=bool(baselines),
        resamples=resamples,
        about=about,
    )
    how = {"show_progress": show_progress, "resume": resume, "devices": devices}
    own = [{"origin": origin} for origin in splits]
    return train_parts(list(splits.values()), _pooled(manifest, splits), made, out=out, own=own, **how)


def _pooled(manifest: pd.DataFrame, splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All images: ``test`` or ``overlap`` as where their origin is left out, ``train`` where that never happens."""
    origins, pooled = origin_names(manifest), pd.Series("train", index=manifest.index)
    for origin, part in splits.items():
        pooled = pooled.mask(origins == origin, part["split"])
    return manifest.assign(split=pooled.where(pooled.isin(["test", OVERLAP]), "train"))
