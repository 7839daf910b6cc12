"""The report's section on what a run is made of: the folds of a cross-validation, or the members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.report.wording.numbers import cell, number
from braintumor_tf.report.wording.origins import origin_title

_SCORES = ("accuracy", "macro_f1")

FOLDS = (
    "Each image was scored once, by the model of the fold that had not seen its group; all scores of this page are "
    "computed from these pooled predictions. Their intervals come from resampled images, not from models trained anew. "
    "The standard deviation here says how much a model depends on its fold."
)
ORIGINS = (
    "Each origin was scored by a model that was trained on the other origins alone; all scores of this page are "
    "computed from these pooled predictions. Classes that an origin lacks are left out of its mean."
)
MEMBERS = (
    "The probabilities are the weighted mean of those of these runs. Their own scores are on the same test images, "
    "which no weight was chosen on."
)
VIEWS = (
    " Every member is shown {} views of each image (itself, mirrored, turned a little, larger or smaller); the scores "
    "in this table are without."
)


def members_section(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Puts together what the page shows of the folds or members of a run.

    Args:
        metrics: as in ``metrics.json``.
        config: as in ``config.json``.

    Returns:
        ``title``, ``text``, ``curves`` (where the training curves are), ``size`` (the heading of the second column) and
        ``rows`` of text; None for a run of one model.

    Example:
        >>> members_section({"members": [{"run": "cnn", "weight": 1.0, "accuracy": 0.9}]}, {})["title"]
        'Members of the ensemble'
    """
    folds, members = metrics.get("folds"), metrics.get("members")
    if folds:
        origins = "origin" in folds["runs"][0]
        rows = [_row(found, f"{found['images']:,}") for found in folds["runs"]]
        last = {name: {"value": _mean(folds, name), "interval": ""} for name in _SCORES}
        rows.append({"title": "Mean ± standard deviation", "size": "", "total": True, **last})
        text = ORIGINS + _kept_in(config) if origins else FOLDS
        return _section("Origins left out" if origins else "Folds", text, "Images", rows)
    if members:
        views = views_of(config)
        text = MEMBERS + (VIEWS.format(views) if views > 1 else "")
        rows = [_row(found, number(found["weight"], 2)) for found in members]
        return _section("Members of the ensemble", text, "Weight", rows)
    return None


def _section(title: str, text: str, size: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    noun = "folds" if size == "Images" else "members"
    curves = (
        f"The curves of training are in the reports of the {noun}; write_report on each one's directory makes them."
    )
    return {"title": title, "text": text, "curves": curves, "size": size, "rows": rows}


def _row(found: Mapping[str, Any], size: str) -> dict[str, Any]:
    scores = {name: cell(found.get(name)) for name in _SCORES}
    title = f"{found['run']}: {origin_title(found['origin'])}" if "origin" in found else found["run"]
    return {"title": title, "size": size, "total": False, **scores}


def _kept_in(config: Mapping[str, Any]) -> str:
    """Says which origins were never left out, and why."""
    return "".join(f" {reason[0].upper()}{reason[1:]}." for reason in (config.get("origins_kept_in") or {}).values())


def _mean(folds: Mapping[str, Any], name: str) -> str:
    spread = folds["standard_deviation"][name]
    return number(folds["mean"][name]) + (f" ± {number(spread)}" if spread is not None else "")
