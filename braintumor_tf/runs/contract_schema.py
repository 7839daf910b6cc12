"""What ``contract.json`` of an exported model holds, as a JSON Schema; all of its fields must be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT, _COUNT, _SWITCH = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
_NUMBER, _SHARE = {"type": "number"}, {"type": "number", "minimum": 0, "maximum": 1}
_POSITIVE = {"type": "number", "exclusiveMinimum": 0}
_NULL = {"type": "null"}
_SIDE = {"type": "integer", "minimum": 1}


def _whole(**fields: Any) -> dict[str, Any]:
    """An object with some fields, all of which must be there."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def _each(schema: Mapping[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema, "minProperties": least}


def _or_none(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, _NULL]}


_BOUND = _or_none(_NUMBER)
_FILE = _whole(sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"}, bytes=_COUNT)

CONTRACT: Mapping[str, Any] = _whole(
    version=_COUNT,
    made_by=_TEXT,
    format=_TEXT,
    int8=_SWITCH,
    run=_TEXT,
    model=_TEXT,
    classes={"type": "array", "items": _TEXT, "minItems": 2},
    input=_whole(
        image_size={"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
        channels={"enum": [1, 3]},
        crop=_or_none(_TEXT),
        preprocessing=_TEXT,
    ),
    outputs={"type": "array", "items": _TEXT, "minItems": 1},
    parameters=_or_none(_COUNT),
    gate=_SWITCH,
    temperature=_or_none(_POSITIVE),
    conformal=_or_none(_whole(coverage=_SHARE, least_probability=_each(_NUMBER))),
    scores=_each(_whole(value=_BOUND, low=_BOUND, high=_BOUND)),
    files=_each(_FILE, 1),
    source=_each(_FILE),
    parity=_or_none(
        _whole(
            images={"type": "integer", "minimum": 1},
            changed=_COUNT,
            largest_difference=_SHARE,
            mean_difference=_SHARE,
            tolerance=_BOUND,
            allowed_changed=_SHARE,
            bytes=_COUNT,
            source_bytes=_COUNT,
            milliseconds_per_image=_POSITIVE,
            source_milliseconds_per_image=_POSITIVE,
        )
    ),
)
"""The schema of ``contract.json``."""
