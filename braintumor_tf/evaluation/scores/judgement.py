"""One judgement for all readers: whether a difference is better, worse, or cannot be told from nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    if p_adjusted is not None and p_adjusted >= ADJUSTED_LEVEL:
        return Judgement(NOT_TOLD_APART, ADJUSTED_TEST)
    return Judgement(BETTER if difference.low > against else WORSE, INTERVAL)
