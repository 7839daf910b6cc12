"""The figure and the page of a comparison, with few and many runs and with names that do not fit."""

from __future__ import annotations

import re
from itertools import pairwise

import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.evaluation import Comparison, compare
from braintumor_tf.report.pages.comparison import write_comparison
from braintumor_tf.report.plots.comparison import leaderboard
from braintumor_tf.report.plots.style import DPI, save_figure
from tests.evaluation.made_runs import made_manifest, made_run
from tests.report.figure_texts import texts
from tests.report.html_page import check_page

LONG = "MobileNetV2-0.35_<b>a data set</b>_with_a_very_long_name_$x^2$_and_a_protocol_grouped"
BASELINES = {"metadata": 0.3, "border": 1.0, "nearest_neighbour": 1.4, "pca_logistic_regression": 0.8}


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory) -> dict[int, Comparison]:
    """Comparisons of 2 and of 16 runs; the latter with baselines, seeds and long names, 24 rows in all."""
    folder, manifest = tmp_path_factory.mktemp("runs"), made_manifest(40)
    few = [made_run(folder / f"few_{number}", manifest, 2.0 + number, number, model=f"{number}") for number in range(2)]
    many = [
        made_run(
            folder / (f"{LONG}_{number}".replace("/", "") if number % 2 else f"cnn_{number}"), manifest, 0.2 * number,
            number, baselines=BASELINES if not number else None, model=f"Model{number % 4}",
        )
        for number in range(16)
    ]  # fmt: skip
    return {2: compare(few, resamples=100), 16: compare(many, resamples=6000)}  # as many as 120 pairs need


@pytest.mark.parametrize("runs", [2, 16])
def test_every_row_has_its_name_and_value_and_nothing_is_cut_off_or_overlaps(comparisons, runs, tmp_path):
    table = comparisons[runs].leaderboard
    figure = leaderboard(table, title="Which model is best")
    chart = figure.axes[0]
    labels = chart.get_yticklabels()
    assert len(labels) == len(table)
    values = [text.get_text() for text in chart.texts]
    assert values == [f"{value:.3f}" for value in table["macro_f1"]]
    renderer = figure.canvas.get_renderer()
    for items in (labels, chart.texts):
        boxes = [item.get_window_extent(renderer) for item in items]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
        assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes)), "names overlap"
    if runs == 16:
        assert any("…" in label.get_text() and label.get_text().endswith("grouped_15") for label in labels)
    with Image.open(save_figure(figure, tmp_path / "figure.png")) as picture:
        assert picture.width == round(5.4 * DPI)


def test_marks_say_what_is_not_told_apart_from_the_best(comparisons):
    table = comparisons[16].leaderboard
    chart = leaderboard(table).axes[0]
    marks = [line for line in chart.lines if len(line.get_xdata()) == 1 and line.get_marker() != "None"]
    assert len(marks) == len(table)
    for mark, row in zip(marks, table.itertuples()):
        assert mark.get_xdata()[0] == row.macro_f1
        assert mark.get_marker() == {"run": "o", "seeds": "D", "baseline": "s"}[row.kind]
        if row.kind == "run":
            behind = row.lead_low > 0 and row.lead_p_holm < 0.05
            assert (mark.get_markerfacecolor() == "white") == behind
    assert {"behind the highest", "shortcut baseline", "mean over seeds"} <= set(texts(chart.figure).split("\n"))


def test_a_score_that_no_run_has_is_said(comparisons):
    assert "no run has this score" in texts(leaderboard(comparisons[2].leaderboard, score="twins_accuracy"))


@pytest.mark.parametrize("runs", [2, 16])
def test_the_page_is_selfcontained_and_holds_every_run_and_pair(comparisons, runs, tmp_path):
    comparison = comparisons[runs]
    path = write_comparison(comparison, tmp_path / "new" / "folder")
    page = check_page(path)
    text = path.read_text(encoding="utf-8")
    assert "<b>a data" not in text and f"correlation over {comparison.resamples:,} draws of groups" in page.text
    for name in comparison.leaderboard.query("kind == 'run'")["name"]:
        assert " ".join(name.split()) in page.text
    assert len(re.findall(r"<tr", text)) >= len(comparison.leaderboard) + len(comparison.pairs)
    assert comparison.leaderboard["macro_f1"].map("{:.3f}".format).map(page.text.__contains__).all()
    assert "nothing is known of their cost" in page.text
    pd.testing.assert_frame_equal(
        pd.read_csv(path.parent / "pairs.csv"), comparison.pairs, check_dtype=False, rtol=1e-12
    )


def test_costs_are_shown_where_they_are_known(comparisons, tmp_path):
    table = comparisons[2].leaderboard.copy()
    table.loc[0, ["parameters", "bytes", "train_seconds"]] = [1_234_567, 4_940_000, 61.5]
    table.loc[1, ["parameters", "bytes", "train_seconds", "milliseconds_per_image"]] = [10, 900, 4.25, 0.5]
    comparison = Comparison(**{**vars(comparisons[2]), "leaderboard": table})
    page = check_page(write_comparison(comparison, tmp_path))
    assert "1,234,567" in page.text and "4.94 MB" in page.text and "62 s" in page.text and "4.2 s" in page.text
    assert "0.50 ms an image" in page.text and "measured for this page" in page.text
