"""What the JSON files of a run hold, as JSON Schemas: the types of what is read, and little that must be there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from braintumor_tf.runs.contract_schema import CONTRACT

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
SWITCH: Schema = {"type": "boolean"}


def _or_none(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _table(fields: Mapping[str, Schema], *needed: str) -> Schema:
    """An object with some fields, of which those that are `needed` must be there, and any others."""
    return {"type": "object", "properties": dict(fields), "required": list(needed)}


def _each(schema: Schema) -> Schema:
    """An object with names of the user's, all with values of one kind."""
    return {"type": "object", "additionalProperties": schema}


def _list(schema: Schema, *, least: int = 0) -> Schema:
    return {"type": "array", "items": schema, "minItems": least}


_BOUND = _or_none(NUMBER)
_SCORE = _table({"value": _BOUND, "low": _BOUND, "high": _BOUND}, "value")
_SCORES = {"type": "object", "patternProperties": {"": {"anyOf": [_SCORE, _BOUND]}}}
_CLASSES = _list(TEXT, least=2)
_SIZE = _or_none({"anyOf": [COUNT, {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}]})

_STAGE = _table(
    {
        "name": TEXT,
        "epochs": COUNT,
        "learning_rate": NUMBER,
        "warmup": NUMBER,
        "trains": {"type": ["string", "number"]},
        "views": _or_none(COUNT),
    },
    *("epochs", "learning_rate", "trains"),
)
_TRAINING = _table(
    {
        "stages": _list(_STAGE, least=1),
        "batch_size": COUNT,
        "weight_decay": NUMBER,
        "label_smoothing": NUMBER,
        "clip_norm": _BOUND,
        "class_weights": _or_none({"anyOf": [TEXT, _each(NUMBER)]}),
        "monitor": TEXT,
        "patience": _or_none(COUNT),
        "augmentation": {"type": "object"},
        "precision": TEXT,
        "normalisation_momentum": _or_none({"type": ["string", "number"]}),
    },
    "stages",
)
_IN_BOTH = _table({"images": COUNT, "ours": COUNT}, "images", "ours")
_PART = _table(
    {
        "name": TEXT,
        "images": COUNT,
        "left_out": COUNT,
        "spellings": _each(TEXT),
        "splits": _list(TEXT),
        "official": SWITCH,
    },
    *("name", "images", "left_out", "spellings", "splits", "official"),
)
_MERGE = _table(
    {
        "parts": _list(_PART, least=2),
        "images": COUNT,
        "binary": SWITCH,
        "between": _list(
            _table({"first": TEXT, "second": TEXT, "near": _IN_BOTH, "picture": _IN_BOTH}, "first", "second", "near")
        ),
        "patients": COUNT,
        "patient_images": COUNT,
        "copies": COUNT,
        "left_out": COUNT,
        "conflicts": COUNT,
        "shown_conflicts": _list(_list(_each(TEXT))),
        "single": _each(TEXT),
    },
    *("parts", "images", "binary", "between", "patients", "copies", "left_out", "conflicts", "single"),
)
_CONFIG = _table(
    {
        "model": TEXT,
        "dataset": {"type": ["string", "array"], "items": TEXT},
        "merge": _MERGE,
        "protocol": TEXT,
        "external": {"type": ["string", "array", "null"], "items": TEXT},
        "classes": _or_none(_CLASSES),
        "image_size": _SIZE,
        "weights": {"type": ["string", "array", "null"]},
        "weights_used": _or_none({"type": "object"}),
        "dropout": NUMBER,
        "head": _list(COUNT),
        "crop": _or_none(TEXT),
        "seed": _or_none(COUNT),
        "split_seed": _or_none(COUNT),
        "seeds": {"type": "integer", "minimum": 1},
        "folds": {"type": "integer", "minimum": 1},
        "fold": COUNT,
        "origin": TEXT,
        "origins": _list(TEXT),
        "origins_kept_in": _each(TEXT),
        "training": _or_none(_TRAINING),
        "noise": _or_none(_table({"noise": TEXT}, "noise")),
        "baselines": {"anyOf": [SWITCH, _list(TEXT)]},
        "resamples": COUNT,
        "views": {"type": "integer", "minimum": 1},
        "members": _list(TEXT, least=1),
        "links": _or_none({"type": "object"}),
        "imported": _table(
            {"file": TEXT, "sha256": TEXT, "preprocess": TEXT, "notes": _list(TEXT), "hints": _list(TEXT)}
        ),
        "data_fingerprint": TEXT,
        "environment": _table(
            {"python": TEXT, "platform": TEXT, "accelerators": _list(TEXT), "packages": _each(TEXT)},
        ),
    }
)
_BASELINE = _table(
    {"value": _BOUND, "low": _BOUND, "high": _BOUND, "macro_f1": _SCORE, "model_above": _SCORES}, "value"
)
_TESTED = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc")
_METRICS = _table(
    {
        **dict.fromkeys((*_TESTED, "average_precision", "tumour_sensitivity", "tumour_specificity"), _SCORE),
        "split": TEXT,
        "training_known": SWITCH,
        "images": COUNT,
        "groups": COUNT,
        "overlap": COUNT,
        "missed_tumours": _or_none(COUNT),
        "false_alarms": _or_none(COUNT),
        "classes_order": _CLASSES,
        "interval": {"type": "object", "properties": {"resamples": _or_none(COUNT)}},
        "few_groups": _or_none(_each(_BOUND)),
        "classes": _each(_SCORES),
        "confusion_matrix": _table({"labels": _list(TEXT), "counts": _list(_list(COUNT))}, "labels", "counts"),
        "twins": _SCORES,
        "clean": _SCORES,
        "baselines": _or_none(_each(_BASELINE)),
        "patients": _or_none({"type": "object"}),
        "training": _or_none(_table({"seconds": _BOUND, "images_per_second": _BOUND})),
        "folds": _or_none(
            _table(
                {
                    "runs": _list(_table({"run": TEXT, "images": COUNT}, "run", "images"), least=1),
                    "mean": _each(_BOUND),
                    "standard_deviation": _each(_BOUND),
                },
                *("runs", "mean", "standard_deviation"),
            )
        ),
        "members": _or_none(_list(_table({"run": TEXT, "weight": NUMBER}, "run", "weight"))),
        "source_probe": _or_none({"type": "object"}),
    }
)
_CALIBRATION = _table(
    {
        "classes": _CLASSES,
        "bins": COUNT,
        "temperature": _table({"value": {"type": "number", "exclusiveMinimum": 0}, "at_bound": SWITCH}, "value"),
        "scores": _table(dict.fromkeys(("before", "after"), _SCORES), "before", "after"),
        "changes": _SCORES,
        "reliability": _each(_list({"type": "object", "patternProperties": {"": _BOUND}})),
        "selective": _table(
            {
                "risk": _SCORE,
                "area": _SCORE,
                "curve": _list(_each(_BOUND)),
                "at_risk": _list(_table({"threshold": _BOUND, "coverage": _SCORE, "risk": _SCORE})),
            }
        ),
        "conformal": _table(
            {
                "coverage_stated": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "count": TEXT,
                **dict.fromkeys(("coverage", "set_size", "empty", "answered"), _SCORE),
                **dict.fromkeys(("accuracy_answered", "accuracy_all"), _SCORE),
                "classes": _each(
                    _table(
                        {
                            "least_probability": NUMBER,
                            "always": SWITCH,
                            "groups": COUNT,
                            "images": COUNT,
                            **dict.fromkeys(("coverage", "set_size", "answered", "accuracy_answered"), _SCORE),
                            "sizes": _list(COUNT),
                        },
                        *("least_probability", "groups", "images"),
                    )
                ),
            },
            *("coverage_stated", "classes"),
        ),
    }
)
_NOISES = _list(_table({"name": TEXT, "severity": COUNT}, "name", "severity"), least=1)
_LOSS = {"noise": TEXT, "severity": COUNT, "value": _BOUND, "low": _BOUND, "high": _BOUND}
_ROBUSTNESS = _table(
    {
        "name": TEXT,
        "classes": _CLASSES,
        "settings": _table(
            {"seed": COUNT, "size": _list(COUNT, least=2), "resamples": COUNT, "noises": _NOISES},
            *("seed", "size", "resamples", "noises"),
        ),
        "table": _list(_table({**_LOSS, "metric": TEXT}, *_LOSS, "metric"), least=1),
        "losses": _list(_table(_LOSS, *_LOSS), least=1),
        "mean_loss": _SCORE,
        "mean_losses": _each(_SCORE),
        "mean_corruption_error": _table(
            {"reference": {}, "noises": _each(_table({"error": _SCORE, "relative": _SCORE}))}
        ),
    }
)
_EXPLAINED = {
    "type": "object",
    "patternProperties": {"": {"anyOf": [_SCORE, {"type": ["string", "number", "boolean", "null"]}]}},
}
_EXPLANATIONS = _table(
    {
        "split": TEXT,
        "shown": _each(TEXT),
        "outside": _or_none(
            _list({**_EXPLAINED, "required": ["shown", "accuracy", "balanced_accuracy", "change", "constant"]})
        ),
        "method": _or_none(TEXT),
        "randomisation": _or_none(_list({**_EXPLAINED, "required": ["step", "spearman", "images"]})),
        "localisation": _or_none(_list({**_EXPLAINED, "required": ["method", "reference", "energy", "images"]})),
        "masking": _or_none(_list({**_EXPLAINED, "required": ["masked"]})),
    }
)
_RUNG = _table({"name": TEXT, "run": TEXT, "test": _each(COUNT), "scores": _each(_each(_SCORE))})
_LADDER = _table(
    {
        "model": TEXT,
        "seeds": _list(WHOLE, least=1),
        "images": COUNT,
        "patients": COUNT,
        "known_patients": COUNT,
        "interval": TEXT,
        "rungs": _list(_RUNG, least=1),
        "single": _list({"type": "object"}),
    }
)
_MEMBER = _table({"run": TEXT, "weight": NUMBER, "sha256": TEXT}, "run", "weight", "sha256")

SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "config.json": _CONFIG,
        "metrics.json": _METRICS,
        "calibration.json": _CALIBRATION,
        "robustness.json": _ROBUSTNESS,
        "explanations.json": _EXPLANATIONS,
        "ladder.json": _LADDER,
        "ladder_settings.json": _CONFIG,
        "ensemble.json": _table({"members": _list(_MEMBER, least=1)}, "members"),
        "contract.json": CONTRACT,
    }
)
"""The schema of every JSON file of a run, by its name."""
