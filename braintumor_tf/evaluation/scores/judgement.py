"""One judgement for all readers: whether a difference is better, worse, or not told apart from none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from braintumor_tf.types import Score

BETTER, WORSE, NOT_TOLD_APART = "better", "worse", "not told apart"
"""What a difference can come to. There is no fourth: "as good as" would be a claim that no interval here supports."""

INTERVAL, ADJUSTED_TEST, NO_INTERVAL = "the interval", "the adjusted test", "no interval"
"""What a judgement rests on."""

ADJUSTED_LEVEL = 0.05
"""Below this a p-value that was adjusted for the number of tests tells two apart."""


@dataclass(frozen=True)
class Judgement:
    """What a difference comes to.

    Attributes:
        outcome: `BETTER`, `WORSE` or `NOT_TOLD_APART`.
        rests_on: `INTERVAL`; `ADJUSTED_TEST` where the interval leaves 0 out and the adjusted p-value is too large all
            the same; `NO_INTERVAL` where there is none, as with fewer than two groups.
    """

    outcome: str
    rests_on: str

    @property
    def told_apart(self) -> bool:
        """Whether the difference is better or worse."""
        return self.outcome != NOT_TOLD_APART


def judge(difference: Score, *, against: float = 0.0, p_adjusted: float | None = None) -> Judgement:
    """Judges a difference; every sentence, table, figure and page of this package that judges one asks here.

    It is better if the whole interval lies above `against`, worse if the whole interval lies below. An end that is
    equal to `against` does not leave it out. Where there is a p-value that was adjusted for several tests, the two must
    agree: what only one of them tells apart is not told apart.

    Args:
        difference: the first less the second, larger being better, with the ends of its paired interval. An end that is
            None or NaN is no end.
        against: what the difference is measured from.
        p_adjusted: p-value of the difference, adjusted for the number of tests; None or NaN where there is none.

    Example:
        >>> judge(Score(0.03, -0.02, 0.08)).outcome, judge(Score(0.23, 0.15, 0.31)).outcome
        ('not told apart', 'better')
        >>> judge(Score(0.23, 0.15, 0.31), p_adjusted=0.06)
        Judgement(outcome='not told apart', rests_on='the adjusted test')
    """
    if any(end is None or math.isnan(end) for end in (difference.value, difference.low, difference.high)):
        return Judgement(NOT_TOLD_APART, NO_INTERVAL)
    if difference.low <= against <= difference.high:
        return Judgement(NOT_TOLD_APART, INTERVAL)
    if p_adjusted is not None and p_adjusted >= ADJUSTED_LEVEL:  # NaN is not
        return Judgement(NOT_TOLD_APART, ADJUSTED_TEST)
    return Judgement(BETTER if difference.low > against else WORSE, INTERVAL)


def judge_row(row: Mapping[str, Any], name: str, *, value: str | None = None) -> Judgement:
    """Judges a difference that stands in a row of a table.

    Args:
        row: with ``<name>_low``, ``<name>_high`` and ``<name>_p_holm``, NaN where there is none.
        name: of the difference.
        value: the column of its value; None for `name` itself.
    """
    difference = Score(row[value or name], row[f"{name}_low"], row[f"{name}_high"])
    return judge(difference, p_adjusted=row[f"{name}_p_holm"])


def unpaired_difference(first: Score, second: Score) -> Score:
    """Returns the difference of two scores whose paired interval is not known, with an interval that is wide enough.

    It goes from the first one's lower end less the second one's upper end to the opposite. That is wide enough however
    the two depend on each other, since the spread of a difference is at most the sum of the two spreads.

    Example:
        >>> print(unpaired_difference(Score(0.75, 0.5, 1.0), Score(0.5, 0.25, 0.75)))
        0.25 (-0.25-0.75)
    """
    if first.value is None or second.value is None:
        return Score(None)
    value = first.value - second.value
    if None in (first.low, first.high, second.low, second.high):
        return Score(value)
    return Score(value, first.low - second.high, first.high - second.low)
