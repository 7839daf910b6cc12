"""Every place that judges a difference says the same for the same numbers, and none judges by itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import braintumor_tf
from braintumor_tf.cli._output import say_scores
from braintumor_tf.cli.compare import _lines
from braintumor_tf.evaluation import Comparison
from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, COLUMNS, RUN
from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE, judge, judge_row
from braintumor_tf.explanation.checks.outside_head import OUTLINE, WITHOUT_BORDER
from braintumor_tf.report.model_card.scores import card_scores
from braintumor_tf.report.pages.comparison import write_comparison
from braintumor_tf.report.plots.comparison import leaderboard
from braintumor_tf.report.sections.comparison import comparison_verdict
from braintumor_tf.report.sections.covered_parts import covered_sentences, outside_warning
from braintumor_tf.report.sections.robustness import robustness_sentences
from braintumor_tf.report.sections.shortcuts import (
    baseline_rows,
    baseline_sentence,
    baseline_warning,
    best_baseline_sentence,
    near_duplicate_sentence,
)
from braintumor_tf.report.sections.trust import map_sentences, masking_warning
from braintumor_tf.report.sections.verdict import run_verdict
from braintumor_tf.report.wording.leaderboard import not_told_apart
from braintumor_tf.runs import Run
from braintumor_tf.types import Score
from tests.evaluation.made_robustness import made
from tests.report.conftest import make_run
from tests.report.html_page import check_page

PACKAGE = Path(braintumor_tf.__file__).parent

NUMBERS = {
    "above": (0.23, 0.15, 0.31),
    "below": (-0.23, -0.31, -0.15),
    "holds 0": (0.03, -0.02, 0.08),
    "lower, and holds 0": (-0.04, -0.12, 0.05),
    "an end of 0": (0.03, 0.0, 0.08),
    "the other end of 0": (-0.03, -0.08, 0.0),
    "nothing but 0": (0.0, 0.0, 0.0),
    "no interval, as of one group": (0.23, None, None),
    "one end": (0.23, 0.15, None),
}
"""Differences: the first less the second, and the ends of the interval."""


def outcome(text: str) -> str:
    """Returns the one judgement that a text has."""
    found = {name for name in (BETTER, WORSE, NOT_TOLD_APART) if re.search(rf"\b{name}\b", text)}
    assert len(found) == 1, text
    return found.pop()


def three(numbers) -> dict[str, Any]:
    return dict(zip(("value", "low", "high"), numbers))


@pytest.fixture(params=NUMBERS.values(), ids=NUMBERS.keys())
def numbers(request) -> tuple[float | None, ...]:
    return request.param


@pytest.fixture
def expected(numbers) -> str:
    return judge(Score(*numbers)).outcome


@pytest.fixture
def beside_baseline(numbers, metrics) -> dict[str, Any]:
    """Metrics of a model that is so far above its only baseline, in macro-F1 and in accuracy."""
    reached = three((0.6, 0.5, 0.7))
    above = {"macro_f1": three(numbers), "accuracy": three(numbers)}
    own = three((0.6 + numbers[0], None, None))
    border = {**reached, "macro_f1": reached, "model_above": above}
    return {**metrics, "macro_f1": own, "accuracy": own, "baselines": {"border": border}}


def test_verdict_shortcut_section_card_and_terminal(beside_baseline, expected, predictions, manifest, tmp_path, capsys):
    metrics = beside_baseline
    assert outcome(baseline_sentence(metrics, "border")) == expected
    assert outcome(best_baseline_sentence(metrics)) == expected
    assert baseline_rows(metrics)[1]["judgement"] == expected
    warning = baseline_warning(metrics)
    assert (outcome(warning) if warning else BETTER) == expected
    verdict = run_verdict(metrics, predictions, manifest, {})
    assert best_baseline_sentence(metrics) in verdict.sentences
    assert [text for text in verdict.warnings if "shortcut baseline" in text] == ([warning] if warning else [])
    say_scores(metrics, predictions, manifest, {})
    printed = capsys.readouterr().out
    assert best_baseline_sentence(metrics) in printed and warning in printed
    run = Run.of(make_run(tmp_path / "run", manifest))
    card = card_scores(run, metrics, predictions, pd.Series(False, predictions.index), {})
    assert card["baselines"][1]["judgement"] == expected
    assert outcome(card["shortcuts"][0]) == expected


def comparison_with(numbers, p_holm: float) -> Comparison:
    """Returns a comparison of two runs and a baseline, with the same lead over either."""
    value, low, high = (np.nan if end is None else end for end in numbers)
    scores = {"macro_f1": 0.9, "accuracy": 0.9, "balanced_accuracy": 0.9, "twins_images": 0.0, "clean_images": 9.0}
    lead = {"lead": value, "lead_low": low, "lead_high": high}
    rows = [
        {"name": "first", "kind": RUN, "rank": 1.0, **scores},
        {"name": "second", "kind": RUN, "rank": 2.0, **scores, **lead, "lead_p": p_holm, "lead_p_holm": p_holm},
        {"name": "border", "kind": BASELINE, **scores, **lead},
    ]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    table["lead_judgement"] = [None, *(judge_row(table.loc[place], "lead").outcome for place in (1, 2))]
    found = {"difference": value, "low": low, "high": high, "p": p_holm, "p_holm": p_holm}
    pair = {f"{name}_{end}": each for name in ("macro_f1", "accuracy") for end, each in found.items()}
    pair |= {"first": "first", "second": "second", "only_first": 3, "only_second": 1}
    pair |= {"mcnemar_p": 0.6, "mcnemar_p_holm": 0.6, "macro_f1_judgement": table["lead_judgement"][1]}
    names = ("first", "second")
    return Comparison(table, pd.DataFrame([pair]), ("a", "b"), 90, 45, dict.fromkeys(names, 0), False, True, 100)


@pytest.mark.parametrize("numbers", [each for name, each in NUMBERS.items() if name != "below"])  # of the highest run
@pytest.mark.parametrize("p_holm", [0.01, 0.2])
def test_comparison_in_text_table_figure_page_and_terminal(numbers, p_holm, tmp_path):
    if numbers[1] is None:
        p_holm = np.nan
    found = comparison_with(numbers, p_holm)
    runs = found.leaderboard[found.leaderboard["kind"] == RUN]
    of_runs, of_baseline = judge(Score(*numbers), p_adjusted=p_holm).outcome, judge(Score(*numbers)).outcome
    verdict = comparison_verdict(found)
    assert outcome(verdict.sentences[1]) == of_runs
    assert outcome(verdict.sentences[2]) == of_baseline
    warned = [text for text in verdict.warnings if "shortcut baseline" in text]
    assert (outcome(warned[0]) if warned else BETTER) == of_baseline
    assert not_told_apart(runs).tolist() == [True, of_runs == NOT_TOLD_APART]
    marks = [line for line in leaderboard(found.leaderboard).axes[0].lines if len(line.get_xdata()) == 1]
    assert (to_hex(marks[1].get_markerfacecolor()) != "#ffffff") == (of_runs == NOT_TOLD_APART)
    lines = _lines(found.leaderboard)
    assert outcome(lines[2]) == of_runs and outcome(lines[3]) == of_baseline
    text = check_page(write_comparison(found, tmp_path)).text
    rows = text[text.index("Highest run is") :]
    assert rows.count(NOT_TOLD_APART) >= [of_runs, of_runs, of_baseline].count(NOT_TOLD_APART)
    html = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    cells = re.findall(r'data-label="Highest run is"><span>([^<]*)<', html)
    assert cells == [of_runs, of_baseline]
    assert re.findall(r'data-label="First is"><span>([^<]*)<', html) == [of_runs]
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert summary["lead_judgement"].tolist()[1:] == [of_runs, of_baseline]


def test_where_only_one_test_leaves_0_out_the_text_says_which_decides():
    said = comparison_verdict(comparison_with(NUMBERS["above"], 0.2)).sentences[1]
    assert said.endswith("paired difference +0.230 (+0.150 to +0.310); p 0.200 of one pair, which decides.")
    said = comparison_verdict(comparison_with(NUMBERS["holds 0"], 0.04)).sentences[1]
    assert said.endswith("p 0.040 of one pair, but the interval holds 0, which decides.")
    said = comparison_verdict(comparison_with(NUMBERS["holds 0"], 0.2)).sentences[1]
    assert said.endswith("p 0.200 of one pair.")


def test_maps_of_explanations(numbers, expected):
    row = {"reference": False, "method": "Grad-CAM", "images": 9, "groups": 9, "energy": three((0.5, 0.4, 0.6))}
    row |= {"area_share": 0.05, "pointing": three((0.5, 0.4, 0.6)), "pointing_by_chance": 0.1}

    def said(**changes) -> str:
        return map_sentences({"localisation": [{**row, **changes}]})[1]

    words = {BETTER: "more than a random map.", WORSE: "less than a random map"}
    assert words.get(expected, "not told apart from a random map") in said(energy_gain=three(numbers))
    words = {BETTER: "and more than a map of the head", WORSE: "but less than a map of the head"}
    above = three(NUMBERS["above"])
    beside_head = said(energy_gain=above, energy_beyond_head=three(numbers))
    assert words.get(expected, "but not told apart from a map of the head alone") in beside_head
    words = {BETTER: "more than a random map.", WORSE: "but less than the share of the lesion in the picture"}
    beside_share = said(energy_gain=above, energy=three(numbers), area_share=0.0)
    assert words.get(expected, "but not told apart from the share of the lesion in the picture") in beside_share
    warning = masking_warning({"masking": [{"masked": "lesion", "beyond_elsewhere": three(numbers)}]})
    words = {BETTER: "", WORSE: "is less than what covering", NOT_TOLD_APART: "is not told apart from what covering"}
    assert bool(warning) == (expected != BETTER) and words[expected] in warning


def test_parts_that_are_covered(numbers, expected):
    row = {"balanced_accuracy": three((0.5, 0.4, 0.6)), "constant": 0.25}
    if numbers != NUMBERS["nothing but 0"]:
        (said,) = covered_sentences({"outside": [{**row, "shown": WITHOUT_BORDER, "change": three(numbers)}]})
        words = {BETTER: "does better without", WORSE: "the model uses it"}
        assert words.get(expected, "not told apart from no change") in said
    explanations = {"outside": [{**row, "shown": OUTLINE, "share": three(numbers)}]}
    (said,) = covered_sentences(explanations)
    words = {BETTER: "needs nothing inside the head", WORSE: "less than that"}
    assert words.get(expected, "not told apart from it") in said
    assert bool(outside_warning(explanations)) == (expected == BETTER)


def test_noise_and_near_duplicates(numbers, expected):
    found = made("CNN", noises=["rician"], severities=(2,)).to_dict()
    said = robustness_sentences({**found, "mean_loss": three(numbers)})
    assert any("the loss is not told apart from 0" in text for text in said) == (expected == NOT_TOLD_APART)
    scores = {"twins": {"accuracy": three((0.9, 0.8, 1)), "above_clean": three(numbers)}}
    said = near_duplicate_sentence({**scores, "clean": {"accuracy": three((0.7, 0.6, 0.8))}}, 3, 9)
    words = {BETTER: "memory carries", WORSE: "does worse on them", NOT_TOLD_APART: "the two are not told apart"}
    assert words[expected] in said


# === None judges by itself ===


def ends_compared(path: Path) -> list[str]:
    """Returns the comparisons in a file with an end of an interval: ``.low``, ``["low"]``, ``["lead_low"]``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Compare) or not all(
            isinstance(each, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for each in node.ops
        ):
            continue
        for side in (node.left, *node.comparators):
            name = getattr(side, "attr", None) or getattr(getattr(side, "slice", None), "value", "")
            if isinstance(name, str) and re.search(r"(^|_)(low|high|p_holm)$", name):
                found.append(ast.unparse(node))
    return found


def test_no_place_compares_an_end_of_an_interval_by_itself():
    rooms = ("evaluation", "experiments", "explanation", "report", "notebooks", "cli")
    paths = [path for room in rooms for path in sorted((PACKAGE / room).rglob("*.py")) if path.name != "judgement.py"]
    found = {str(path.relative_to(PACKAGE)): ends_compared(path) for path in paths}
    allowed = {
        "report/sections/comparison.py": 1,  # says which of interval and test decides
        "report/sections/verdict.py": 1,  # errors in one folder: a test of its own, at its own level
    }
    assert {name: len(texts) for name, texts in found.items() if texts} == allowed
    assert ends_compared(PACKAGE / "evaluation" / "scores" / "judgement.py"), "the search finds what it looks for"


@pytest.mark.parametrize("words", ["does as well", "do as well", "no better", "may be luck", "cannot be told from"])
def test_no_text_claims_more_than_not_told_apart(words):
    kinds = {".py", ".html", ".md", ".MD"}
    for path in (path for room in ("report", "cli", "evaluation") for path in sorted((PACKAGE / room).rglob("*"))):
        if path.suffix in kinds:
            assert words not in path.read_text(encoding="utf-8"), path
