"""``evaluate RUN --noise``: scores a run under noise, keeps what was found, and says it in a table."""

from __future__ import annotations

import click


def evaluate_under_noise(run_path: str, noise: str, severity: str, as_json: bool) -> None:
    """Scores a run clean and under noise, writes ``robustness.json`` and the report, and prints what was found.

    Args:
        run_path: the run's directory.
        noise: ``all``, or names divided by commas.
        severity: a number from 1 to 5, or a range.
        as_json: whether to print ``robustness.json`` rather than a table.
    """
    from braintumor_tf.augment.noise import parse_severities
    from braintumor_tf.evaluation import score_robustness
    from braintumor_tf.files import to_json
    from braintumor_tf.report import write_report
    from braintumor_tf.report.sections.robustness import robustness_sentences
    from braintumor_tf.report.wording.numbers import number
    from braintumor_tf.runs import Run

    run = Run.of(run_path)
    found = score_robustness(
        run, noises=None if noise == "all" else noise.split(","), severities=parse_severities(severity)
    )
    report = write_report(run) if run.finished else None
    if as_json:
        click.echo(to_json({"run": run.path, **found.as_dict()}))
        return
    scores = found.table[found.table["metric"] == "macro_f1"]
    grid = scores.pivot(index="noise", columns="severity", values="value").reindex(scores["noise"].unique())
    click.echo("macro-F1 by severity")
    click.echo(
        grid.map(lambda value: "" if value != value else number(value)).to_string(header=True, index_names=False)
    )
    for sentence in robustness_sentences(run.robustness, run.config):
        click.echo(sentence)
    if report:
        click.echo(f"report: {report.resolve()}")
