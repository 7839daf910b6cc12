"""What several commands print in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from braintumor_tf.errors import ImageReadError
    from braintumor_tf.report.sections.verdict import Verdict
    from braintumor_tf.runs import Run


def print_json(value: Any) -> None:
    """Prints a value as strict JSON to standard output."""
    from braintumor_tf.files import to_json

    click.echo(to_json(value))


def say_verdict(verdict: Verdict) -> None:
    """Prints the sentences of a verdict, and its warnings as cautions."""
    for sentence in verdict.sentences:
        click.echo(sentence)
    for warning in verdict.warnings:
        click.echo(f"Caution: {warning}")


def say_scores(
    metrics: Mapping[str, Any], predictions: pd.DataFrame, manifest: pd.DataFrame, config: Mapping[str, Any]
) -> None:
    """Prints what scores come to."""
    from braintumor_tf.report.sections.verdict import run_verdict

    say_verdict(run_verdict(metrics, predictions, manifest, config))


def say_overlap(manifest: pd.DataFrame, external: str | None) -> None:
    """Says how many images of another data set were left out, where one was scored."""
    if external is not None:
        overlap = int((manifest["split"] == "overlap").sum())
        click.echo(f"{overlap} images of {external} have a near-duplicate in training or validation and are left out.")


def say_run(run: Run, report: Path) -> None:
    """Prints what the scores of a finished run come to, and where its report is."""
    say_overlap(run.manifest, run.config.get("external"))
    say_scores(run.metrics, run.predictions, run.manifest, run.config)
    say_path("report", report)


def say_path(name: str, path: Path) -> None:
    """Prints where something was written."""
    click.echo(f"{name}: {path.resolve()}")


def error_rows(errors: Iterable[ImageReadError]) -> list[dict[str, str]]:
    """Returns errors of single files as rows of JSON."""
    return [{"path": error.path, "error": error.reason} for error in errors]


def exit_with(errors: Iterable[ImageReadError]) -> None:
    """Prints errors of single files to standard error and ends the command with 1, if there is one."""
    errors = list(errors)
    for error in errors:
        click.echo(f"braintumor-tf: {error}", err=True)
    if errors:
        raise SystemExit(1)
