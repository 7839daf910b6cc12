"""What a comparison of runs comes to, in plain sentences: who leads, and which runs are not told apart from it."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.evaluation.comparison.compare_runs import Comparison
from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, JUDGEMENT, RUN
from braintumor_tf.evaluation.scores.judgement import ADJUSTED_LEVEL, ADJUSTED_TEST, BETTER, NOT_TOLD_APART
from braintumor_tf.report.sections.shortcuts import ONE_BASELINE
from braintumor_tf.report.sections.verdict import FEW_GROUPS, Verdict
from braintumor_tf.report.wording.judgements import judged, reason
from braintumor_tf.report.wording.leaderboard import (
    difference,
    lead_judgement,
    not_told_apart,
    row_score_text,
    row_title,
)
from braintumor_tf.report.wording.numbers import counted, number


def comparison_verdict(comparison: Comparison) -> Verdict:
    """Says who leads, which runs are not told apart from it, and every reason found to doubt the ranking."""
    table = comparison.leaderboard
    runs, baselines = (table[table["kind"] == kind] for kind in (RUN, BASELINE))
    sentences = [
        _images_sentence(comparison, runs),
        _leader_sentence(comparison, runs),
        _baseline_sentence(runs, baselines),
    ]
    warnings = [
        _baseline_warning(runs, baselines),
        _unknown_training_warning(comparison),
        _near_duplicate_warning(comparison, runs),
        _training_warning(comparison),
        _size_warning(comparison),
    ]
    return Verdict(sentences, [text for text in warnings if text])


def _images_sentence(comparison: Comparison, runs: pd.DataFrame) -> str:
    images, groups = counted(comparison.images, "test image"), counted(comparison.groups, "group")
    if not comparison.common:
        return f"{len(runs)} runs on the same {images} from {groups}, ranked by macro-F1."
    left = ", ".join(f"{count:,} of {name}" for name, count in comparison.left_out.items() if count)
    unseen = "no run is known to have trained on" if comparison.unknown_training else "no run was trained on"
    return (
        f"{len(runs)} runs ranked by macro-F1 on {images} from {groups}: those that all runs share and {unseen}"
        f"{f' (left out: {left})' if left else ''}."
    )


def _leader_sentence(comparison: Comparison, runs: pd.DataFrame) -> str:
    leader, following = runs.iloc[0], runs.iloc[1]
    others = runs[not_told_apart(runs)].iloc[1:]
    text = f"{leader['name']} has the highest macro-F1, {row_score_text(leader, 'macro_f1')}"
    if following[["lead_low", "lead_high"]].isna().any():
        return f"{text}; with fewer than two groups, it is {NOT_TOLD_APART} from {following['name']}."
    if len(others):
        names, first = _listed(others["name"].tolist()), others.iloc[0]
        what = "paired difference" if len(others) == 1 else f"paired difference to {first['name']}"
        why = f"{_adjusted(comparison, first)}{_deciding(first)}"
        return f"{text}, but is {NOT_TOLD_APART} from {names}: {what} {difference(first)}; {why}."
    text = f"{text}: it is better than the next, {following['name']}, by {difference(following)}"
    return f"{text}; {_adjusted(comparison, following)}."


def _deciding(row: pd.Series) -> str:
    """Says which of interval and adjusted p-value decides where only one of them leaves 0 out; else nothing."""
    if lead_judgement(row).rests_on == ADJUSTED_TEST:
        return ", which decides"
    return ", but the interval holds 0, which decides" if row["lead_p_holm"] < ADJUSTED_LEVEL else ""


def _adjusted(comparison: Comparison, row: pd.Series) -> str:
    """Writes the p-value that is adjusted for the number of pairs."""
    pairs = len(comparison.pairs)
    return f"p {number(row['lead_p_holm'])} {f'adjusted for {pairs} pairs' if pairs > 1 else 'of one pair'}"


def _listed(names: list[str]) -> str:
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} other runs"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _baseline_sentence(runs: pd.DataFrame, baselines: pd.DataFrame) -> str:
    if baselines.empty:
        return "No shortcut baseline stands beside them."
    best = baselines.iloc[0]
    found = judged(lead_judgement(best), one=runs.iloc[0]["name"])
    return f"The best shortcut baseline ({row_title(best)}) reaches macro-F1 {number(best['macro_f1'])}: {found}."


def _baseline_warning(runs: pd.DataFrame, baselines: pd.DataFrame) -> str:
    close = baselines[baselines["lead"].notna() & (baselines[JUDGEMENT] != BETTER)]
    if close.empty:
        return ""
    best, found = close.iloc[0], lead_judgement(close.iloc[0])
    how = f"worse than {ONE_BASELINE}" if found.told_apart else f"{NOT_TOLD_APART} from {ONE_BASELINE}"
    return (
        f"The highest run is {how}: {row_title(best)} reaches macro-F1 {number(best['macro_f1'])}, and "
        f"{runs.iloc[0]['name']} has {difference(best)} more{reason(found)}. Nothing shows that these models have "
        "learned anything about tumours."
    )


def _unknown_training_warning(comparison: Comparison) -> str:
    if not comparison.unknown_training:
        return ""
    names = _listed(list(comparison.unknown_training))
    return (
        f"What {names} learned from is not known (imported): these test images may be among it, which would be an "
        "unfair lead."
    )


def _near_duplicate_warning(comparison: Comparison, runs: pd.DataFrame) -> str:
    counts = sorted({int(count) for count in runs["twins_images"].dropna()})
    if not counts or not counts[-1]:
        return ""
    many = f"{counts[0]:,} to {counts[-1]:,}" if len(counts) > 1 else f"{counts[0]:,}"
    return (
        f"{many} of the {comparison.images:,} test images have a near-duplicate in training, so the ranking rewards "
        "memory. Compare the accuracy on the rest, too."
    )


def _training_warning(comparison: Comparison) -> str:
    if comparison.same_training:
        return ""
    return (
        "The runs did not learn from the same images, so a difference may come from the images and not from the model."
    )


def _size_warning(comparison: Comparison) -> str:
    if comparison.groups >= FEW_GROUPS:
        return ""
    return (
        f"The test images are of only {counted(comparison.groups, 'group')}: too few to "
        "tell good models from lucky ones."
    )
