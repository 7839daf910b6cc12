"""What a comparison of runs comes to, in plain sentences: who leads, and whether that may be luck."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.evaluation.comparison.compare_runs import Comparison
from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, RUN
from braintumor_tf.report.sections.verdict import FEW_GROUPS, Verdict
from braintumor_tf.report.wording.leaderboard import difference, not_told_apart, row_score_text, row_title
from braintumor_tf.report.wording.numbers import counted, number

LUCK = 0.05
"""Below this a p-value that was corrected for the number of pairs counts as told apart."""


def comparison_verdict(comparison: Comparison) -> Verdict:
    """Says who leads, whether the lead may be luck, and every reason found to doubt the ranking."""
    table = comparison.leaderboard
    runs, baselines = (table[table["kind"] == kind] for kind in (RUN, BASELINE))
    sentences = [_images_sentence(comparison, runs), _leader_sentence(comparison, runs), _baseline_sentence(baselines)]
    warnings = [
        _baseline_warning(runs, baselines),
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
    return (
        f"{len(runs)} runs ranked by macro-F1 on {images} from {groups}: those that all runs share and no run was "
        f"trained on{f' (left out: {left})' if left else ''}."
    )


def _leader_sentence(comparison: Comparison, runs: pd.DataFrame) -> str:
    leader, following = runs.iloc[0], runs.iloc[1]
    others = runs[not_told_apart(runs)].iloc[1:]
    text = f"{leader['name']} has the highest macro-F1, {row_score_text(leader, 'macro_f1')}"
    if following[["lead_low", "lead_high"]].isna().any():
        return f"{text}; with fewer than two groups, its lead over {following['name']} may be luck."
    if len(others):
        names = _listed(others["name"].tolist())
        what = "paired difference" if len(others) == 1 else f"paired difference to {others['name'].iloc[0]}"
        return f"{text}, but cannot be told from {names}: {what} {difference(others.iloc[0])}."
    text = f"{text}, more than the next, {following['name']}, by {difference(following)}"
    p_value, pairs = number(following["lead_p_holm"]), len(comparison.pairs)
    corrected = f"corrected for {pairs} pairs" if pairs > 1 else "of one pair"
    if following["lead_p_holm"] >= LUCK:
        return f"{text}; p {p_value} {corrected}, so even this may be luck."
    return f"{text}; p {p_value} {corrected}."


def _listed(names: list[str]) -> str:
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} other runs"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _baseline_sentence(baselines: pd.DataFrame) -> str:
    if baselines.empty:
        return "No shortcut baseline stands beside them."
    best = baselines.iloc[0]
    return f"The best shortcut baseline ({row_title(best)}) reaches macro-F1 {number(best['macro_f1'])}."


def _baseline_warning(runs: pd.DataFrame, baselines: pd.DataFrame) -> str:
    leader = runs.iloc[0]
    close = baselines[(baselines["lead_low"] <= 0) | (baselines["macro_f1"] >= leader["macro_f1"])]
    if close.empty:
        return ""
    best = close.iloc[0]
    more = "" if pd.isna(best["lead"]) else f": {leader['name']} has {difference(best)} more"
    return (
        f"A shortcut baseline does as well as the highest run ({row_title(best)}, macro-F1 "
        f"{number(best['macro_f1'])}{more}). Nothing shows that these models have learned anything about tumours."
    )


def _near_duplicate_warning(comparison: Comparison, runs: pd.DataFrame) -> str:
    counts = sorted({int(count) for count in runs["twins_images"]})
    if not counts[-1]:
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
