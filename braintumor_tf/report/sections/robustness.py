"""The report's section on noise: what the scores are worth on noisy images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise import NOISE_PRESETS, Noise, NoiseAtSize, from_description
from braintumor_tf.evaluation.scores.judgement import NOT_TOLD_APART, judge
from braintumor_tf.report.plots.robustness import noise_name, robustness_curves, robustness_table
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.judgements import reason
from braintumor_tf.report.wording.numbers import as_score, cell, score_text

_FIGURES = (
    (robustness_curves, "robustness_curves", "Macro-F1 against the severity of each noise", ""),
    (robustness_table, "robustness_table", "Macro-F1 under each noise and severity",
     "The redder, the more is lost against clean images."),
)  # fmt: skip


def robustness_section(
    robustness: Mapping[str, Any] | None, config: Mapping[str, Any] | None = None, *, folder: Path
) -> dict[str, Any] | None:
    """Puts together what the page shows of ``robustness.json``, and saves its figures.

    Args:
        robustness: as in ``robustness.json``; None for a run that was not scored under noise.
        config: the run's configuration, which says what it was trained with.
        folder: where the figures are saved as PNG.

    Returns:
        What `robustness_content` returns, and ``figures``; None for such a run.
    """
    content = robustness_content(robustness, config)
    if content is None:
        return None
    figures = [
        keep_figure(plot(robustness), folder / f"{file}.png", alt=alt, caption=caption)
        for plot, file, alt, caption in _FIGURES
    ]
    return {**content, "figures": figures}


def robustness_content(
    robustness: Mapping[str, Any] | None, config: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Puts together what page and model card say of ``robustness.json``.

    Args:
        robustness: as for `robustness_section`.
        config: as for `robustness_section`.

    Returns:
        ``sentences``, ``severities`` and ``rows`` (one a noise, of text); None for a run that was not scored under
        noise.
    """
    if not robustness:
        return None
    scores = pd.DataFrame(robustness["table"]).query("metric == 'macro_f1'")
    by_place = {(row["noise"], row["severity"]): row for row in scores.to_dict("records")}
    severities = sorted({severity for _, severity in by_place if severity})
    error = robustness["mean_corruption_error"]
    return {
        "sentences": robustness_sentences(robustness, config),
        "severities": severities,
        "rows": [
            {
                "title": noise_name(name),
                "scores": [cell(by_place.get((name, each))) for each in severities],
                "loss": cell(lost),
                "error": cell(error["noises"][name]["error"]),
            }
            for name, lost in robustness["mean_losses"].items()
        ],
    }


def robustness_sentences(robustness: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> list[str]:
    """Says in plain words what noise cost, where it cost most, and what the noise was.

    Args:
        robustness: as in ``robustness.json``.
        config: the run's configuration, if there is one.
    """
    lost, table = as_score(robustness["mean_loss"]), pd.DataFrame(robustness["table"])
    found = table[table["metric"] == "macro_f1"].set_index(["noise", "severity"])
    clean = found.loc[("clean", 0)].to_dict()
    each, names = robustness["mean_losses"], len(robustness["mean_losses"])
    severities = sorted({noise["severity"] for noise in robustness["settings"]["noises"]})
    over = f"{names} noises" if names > 1 else f"{noise_name(next(iter(each)))} noise"
    over += f" and severities {severities[0]} to {severities[-1]}" if len(severities) > 1 else ""
    said = [f"Macro-F1 is {score_text(clean)} on clean images and loses {score_text(lost)} on average over {over}."]
    found = judge(lost)
    if not found.told_apart:
        said.append(f"On these images the loss is {NOT_TOLD_APART} from 0{reason(found)}.")
    least, most = (pick(each, key=lambda name: each[name]["value"]) for pick in (min, max))
    if each[least]["value"] < each[most]["value"]:
        title = noise_name(least)
        said.append(
            f"{title[0].upper()}{title[1:]} costs least, {score_text(each[least])} on average over its severities; "
            f"{noise_name(most)} costs most, {score_text(each[most])}."
        )
    error = robustness["mean_corruption_error"]
    said.append(
        f"The balanced error under noise is {score_text(error['mean_corruption_error'])} on average, "
        f"{score_text(error['relative_mean_corruption_error'])} more than on clean images."
    )
    return [*said, *_size_sentences(robustness, config or {})]


def _size_sentences(robustness: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    height, width = robustness["settings"]["size"]
    said = [f"Noise was added to pictures of {height} × {width} pixels, the same ones for every model."]
    size = config.get("image_size")
    size = [size, size] if isinstance(size, int) else size
    if config.get("crop"):
        said[0] += f" This model sees them cut down to the {config['crop']}, which is looked for in the noise."
    noise = from_description(dict(config["noise"])) if config.get("noise") else None
    if size and list(size) != [height, width]:
        said[0] += f" They were then resized to the {size[0]} × {size[1]} that this model takes."
    met = noise.size if isinstance(noise, NoiseAtSize) else size
    if noise is not None and met and list(met) != [height, width]:
        said[0] += f" Its training met noise at {met[0]} × {met[1]}, where the same severity is another noise."
    if "noise" in config:
        trained = _trained_with(noise)
        said.append(f"The model was trained {f'with noise ({trained})' if trained else 'without noise'}.")
    return said


def _trained_with(noise: Noise | None) -> str:
    """Names the kinds of noise of a training; empty for training without noise."""
    kinds = dict.fromkeys(type(part) for part in noise.parts) if noise else {}
    known = {preset.noise: noise_name(preset.name) for preset in NOISE_PRESETS.values()}
    return ", ".join(known.get(kind, kind.__name__) for kind in kinds)
