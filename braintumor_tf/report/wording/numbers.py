"""Numbers as text, one way for every figure, page and card; a score is a `braintumor_tf.types.Score`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from braintumor_tf.types import Score

Cell = dict[str, str]
"""A number in a table: its text under `value`, that of its interval (or nothing) under `interval`."""


def as_score(found: Score | Mapping[str, Any] | float | None) -> Score:
    """Returns a score from whatever a file of a run holds: a score, a bare number, or nothing.

    Values that are not finite numbers become None.

    Example:
        >>> as_score({"value": 0.9, "low": float("nan")})
        Score(value=0.9, low=None, high=None)
    """
    if isinstance(found, Score):
        return found
    if not isinstance(found, Mapping):
        return Score(_finite(found))
    return Score(*(_finite(found.get(key)) for key in ("value", "low", "high")))


def number(value: float | None, digits: int = 3) -> str:
    """Writes a score from 0 to 1, or an en dash where there is none; what is not exactly 0 or 1 never looks so.

    Example:
        >>> number(0.91249), number(0.99999), number(None)
        ('0.912', '0.999', '–')
    """
    value = _finite(value)
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 1.0 and value < 1.0:
        return f"{1 - 10**-digits:.{digits}f}"
    if float(text) == 0.0 and value > 0.0:
        return f"{10**-digits:.{digits}f}"
    return text


def interval(found: Score | Mapping[str, Any] | float | None, digits: int = 3) -> str:
    """Writes the 95 % interval of a score; empty where it has none.

    Example:
        >>> interval(Score(0.91, 0.881, 0.94))
        '0.881–0.940'
    """
    score = as_score(found)
    return (
        "" if score.low is None or score.high is None else f"{number(score.low, digits)}–{number(score.high, digits)}"
    )


def score_text(found: Score | Mapping[str, Any] | float | None, digits: int = 3) -> str:
    """Writes a score from 0 to 1 with its interval where it has one.

    Example:
        >>> score_text(Score(0.912, 0.881, 0.94))
        '0.912 (0.881–0.940)'
    """
    within = interval(found, digits)
    return number(as_score(found).value, digits) + (f" ({within})" if within else "")


def plain(value: float | None, sign: str = "", digits: int = 3) -> str:
    """Writes any number with a true minus; with its sign for ``sign="+"``; an en dash where there is none.

    Example:
        >>> plain(-0.0004), plain(0.25, "+", 2)
        ('0.000', '+0.25')
    """
    if value is None:
        return "–"
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def plain_interval(found: Score | Mapping[str, Any] | float | None, sign: str = "", digits: int = 3) -> str:
    """Writes the interval of a number that may be negative, such as ``−0.02 to 0.08``; empty where it has none."""
    score = as_score(found)
    if score.low is None or score.high is None:
        return ""
    return f"{plain(score.low, sign, digits)} to {plain(score.high, sign, digits)}"


def plain_text(found: Score | Mapping[str, Any] | float | None, sign: str = "", digits: int = 3) -> str:
    """Writes a number that may be negative with its interval where it has one.

    Example:
        >>> plain_text(Score(0.13, 0.09, 0.17), digits=2)
        '0.13 (0.09 to 0.17)'
    """
    within = plain_interval(found, sign, digits)
    return plain(as_score(found).value, sign, digits) + (f" ({within})" if within else "")


def signed(found: Score | Mapping[str, Any] | float | None, digits: int = 3) -> str:
    """Writes a difference with its sign and interval, such as ``+0.13 (+0.09 to +0.17)``."""
    return plain_text(found, "+", digits)


def distance(lead: Score) -> str:
    """Writes a difference in words.

    Example:
        >>> distance(Score(-0.04, -0.12, 0.05))
        '0.04 (−0.05 to 0.12) below'
    """
    if lead.value < 0:
        turned = Score(-lead.value, *(None if end is None else -end for end in (lead.high, lead.low)))
        return f"{plain_text(turned, digits=2)} below"
    return f"{plain_text(lead, digits=2)} above"


def cell(found: Score | Mapping[str, Any] | float | None) -> Cell:
    """Returns a score as the text of a table."""
    return {"value": number(as_score(found).value), "interval": interval(found)}


def difference_cell(found: Score | Mapping[str, Any] | float | None) -> Cell:
    """Returns a difference of two scores as the text of a table, with its sign."""
    return {"value": plain(as_score(found).value, "+"), "interval": plain_interval(found, "+")}


def percent(part: float, whole: float) -> str:
    """Writes a share in whole per cent, ``under 1 %`` and ``over 99 %`` at the ends; empty where `whole` is 0.

    Example:
        >>> percent(3, 4), percent(1, 1000)
        ('75 %', 'under 1 %')
    """
    if not whole:
        return ""
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1 %"
    if 99 < share < 100:
        return "over 99 %"
    return f"{share:.0f} %"


def counted(count: int, noun: str) -> str:
    """Writes a number of things.

    Example:
        >>> counted(1, "group"), counted(1200, "test image")
        ('1 group', '1,200 test images')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _finite(value: Any) -> float | None:
    if value is None or isinstance(value, (str, bool)):
        return None
    value = float(value)
    return value if math.isfinite(value) else None
