"""A judgement in words, the same ones wherever something is judged."""

from __future__ import annotations

from braintumor_tf.evaluation.scores.judgement import (
    ADJUSTED_LEVEL,
    ADJUSTED_TEST,
    NO_INTERVAL,
    NOT_TOLD_APART,
    Judgement,
)

_REASONS = {
    NO_INTERVAL: "there is no interval",
    ADJUSTED_TEST: f"the interval leaves 0 out, but the p-value adjusted for all pairs is not below {ADJUSTED_LEVEL}",
}


def judged(found: Judgement, *, one: str = "the model", two: str = "the two") -> str:
    """Says what a comparison of two came to.

    Args:
        found: the judgement of the first less the second.
        one: the first.
        two: both.

    Example:
        >>> from braintumor_tf.evaluation.scores.judgement import judge
        >>> from braintumor_tf.types import Score
        >>> judged(judge(Score(0.2, 0.1, 0.3))), judged(judge(Score(0.2)))
        ('the model is better', 'the two are not told apart, for there is no interval')
    """
    if found.told_apart:
        return f"{one} is {found.outcome}"
    return f"{two} are {NOT_TOLD_APART}{reason(found)}"


def reason(found: Judgement) -> str:
    """Says why two are not told apart although their interval does not hold 0; empty where it does."""
    return f", for {_REASONS[found.rests_on]}" if found.rests_on in _REASONS and not found.told_apart else ""
