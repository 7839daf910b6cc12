"""The command that ranks finished runs: ``compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from braintumor_tf.cli._options import SEED, json_option
from braintumor_tf.cli._output import print_json, say_path, say_verdict

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("macro_f1", "accuracy", "tumour_sensitivity", "tumour_specificity", "clean_accuracy")
"""The scores that fit a terminal; ``summary.csv`` and the page have all."""


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--common", is_flag=True, help="Rank on the test images that all share and that none has seen.")
@click.option("--time", "measure_time", is_flag=True, help="Measure the milliseconds that each model takes an image.")
@click.option("--resamples", default=10_000, show_default=True, type=click.IntRange(100), help="Draws of the tests.")
@click.option("--seed", default=0, show_default=True, type=SEED, help="Of these draws.")
@click.option("--out", default="plots/comparison", show_default=True, metavar="DIR", help="Folder for the files.")
@json_option("Print one JSON object to standard output.")
def compare(
    runs: tuple[str, ...], common: bool, measure_time: bool, resamples: int, seed: int, out: str, as_json: bool
) -> None:
    """Ranks two or more finished runs by macro-F1 on the same test images, and says which are not told apart.

    OUT receives summary.csv (the leaderboard), pairs.csv (paired tests of every two runs), leaderboard.png and
    comparison.html. Runs with other test images, labels or classes are refused; images are matched by their content.
    Of runs with other test images --common ranks what they share, without images that one of them, or a near-duplicate,
    was trained or chosen on: a k-fold run beside a single one, for example.

    \b
    Example: braintumor-tf compare models/CNN_sartaj_grouped_0 models/PCA_sartaj_grouped_0
    Example: braintumor-tf compare models/*_sartaj_grouped_0 --time --out plots/sartaj
    """
    from braintumor_tf.evaluation import compare as compare_runs
    from braintumor_tf.report.pages.comparison import write_comparison
    from braintumor_tf.report.sections.comparison import comparison_verdict

    found = compare_runs(runs, common=common, measure_time=measure_time, resamples=resamples, seed=seed)
    page = write_comparison(found, out)
    verdict = comparison_verdict(found)
    if as_json:
        print_json({**found.to_dict(), **verdict.to_dict(), "page": page.resolve()})
        return
    for line in _lines(found.leaderboard):
        click.echo(line)
    click.echo()
    say_verdict(verdict)
    say_path("comparison", page)


def _lines(table: pd.DataFrame) -> list[str]:
    """The leaderboard in columns: scores with their intervals, then costs."""
    from braintumor_tf.evaluation.comparison.leaderboard import JUDGEMENT
    from braintumor_tf.report.wording.leaderboard import TITLES, cost_texts, row_score_text, row_title, score_columns

    columns = [name for name in score_columns(table) if name in SHOWN]
    cells = [["", *(TITLES[name] for name in columns), "Highest run is", *cost_texts(table.iloc[0])]]
    for _, row in table.iterrows():
        rank = "   " if row["rank"] != row["rank"] else f"{row['rank']:.0f}. "
        texts = [row_score_text(row, name, 2) for name in columns]
        judgement = "" if row[JUDGEMENT] != row[JUDGEMENT] else row[JUDGEMENT]
        cells.append([f"{rank}{row_title(row)}", *texts, judgement, *cost_texts(row).values()])
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in cells]
