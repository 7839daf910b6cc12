"""Scores of a model whose training images are not known: near-duplicates among them cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_unknown_training(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns scores that say so: ``training_known`` is False, and the parts with and without near-duplicates are null.

    Args:
        metrics: as in ``metrics.json``.

    Example:
        >>> found = of_unknown_training({"images": 9, "twins": {"images": 0, "accuracy": {"value": None}}, "clean": {}})
        >>> found["training_known"], found["twins"]
        (False, {'images': None, 'accuracy': {'value': None, 'low': None, 'high': None}})
    """
    empty = {"value": None, "low": None, "high": None}
    parts = {
        part: {name: empty if isinstance(value, Mapping) else None for name, value in metrics[part].items()}
        for part in ("twins", "clean")
    }
    return {**metrics, **parts, "training_known": False}
