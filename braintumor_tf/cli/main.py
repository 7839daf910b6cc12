"""The command ``braintumor-tf``: thin, every command calls one function of the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from braintumor_tf._version import __version__
from braintumor_tf.cli import models
from braintumor_tf.cli.compare import compare
from braintumor_tf.cli.explain import explain
from braintumor_tf.cli.search import search
from braintumor_tf.errors import BrainTumorError

LEAK_EXIT_CODE = 3


class _Group(click.Group):
    """Prints the package's errors, a full disk and the like as one line, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrainTumorError as error:
            click.echo(f"braintumor-tf: {error}", err=True)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"braintumor-tf: {where}{error.strerror or error}", err=True)
        ctx.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="braintumor-tf")
def main() -> None:
    """Honest classification of brain MRI slices. Research use only, never diagnosis.

    \b
    Start with
      braintumor-tf audit FOLDER       can a score on this folder be believed?
      braintumor-tf run                the required notebooks on synthetic data
      braintumor-tf train --model CNN --dataset FOLDER   a run with its report
    """


@main.group()
def datasets() -> None:
    """Lists, fetches and verifies the declared data sets.

    \b
    Example: braintumor-tf datasets list
    """


@datasets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def datasets_list(as_json: bool) -> None:
    """Shows the declared data sets: classes, counts, licence, known faults.

    \b
    Example: braintumor-tf datasets list
    """
    from braintumor_tf.datasets.sources.table import SOURCES, format_sources

    if as_json:
        from dataclasses import asdict

        _print_json([asdict(source) for source in SOURCES])
    else:
        click.echo(format_sources())


@datasets.command("fetch")
@click.argument("name")
@click.option("--data-dir", default="data", show_default=True, help="Where data sets are kept.")
def datasets_fetch(name: str, data_dir: str) -> None:
    """Downloads a declared data set to DATA_DIR/NAME and prints its folder.

    \b
    Example: braintumor-tf datasets fetch navoneel
    """
    from braintumor_tf.datasets import fetch

    click.echo(fetch(name, data_dir=data_dir))


@datasets.command("verify")
@click.argument("name_or_dir")
@click.option("--data-dir", default="data", show_default=True, help="Where data sets are kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def datasets_verify(name_or_dir: str, data_dir: str, as_json: bool) -> None:
    """Recognises a data set by its content and says what differs. Exits with 1 if it is not complete and unchanged.

    \b
    Example: braintumor-tf datasets verify Downloads/archive
    """
    from braintumor_tf.datasets import verify

    found = verify(name_or_dir, data_dir=data_dir)
    if as_json:
        _print_json(found.to_dict())
    else:
        click.echo(found.conclusion)
    if not found.complete:
        raise SystemExit(1)


@main.command()
@click.argument("folder", metavar="DIR")
@click.option("--against", multiple=True, metavar="DIR2", help="Another data set to compare with; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to standard output.")
@click.option("--html", metavar="FILE", help="Write a page that shows near-duplicate pairs side by side.")
@click.option(
    "--fail-on",
    type=click.Choice(["leak"]),
    help=f"Exit with {LEAK_EXIT_CODE} if test images have near-duplicates in training.",
)
@click.option(
    "--distance", default=8, show_default=True, help="Bits that perceptual hashes of near-duplicates differ in."
)
@click.option("--correlation", default=0.9, show_default=True, help="Least correlation of their thumbnails.")
@click.option("--strict", is_flag=True, help="Stop at unreadable files instead of listing them.")
@click.option("--no-cache", is_flag=True, help="Read every file again.")
def audit(
    folder: str, against: tuple[str, ...], as_json: bool, html: str | None, fail_on: str | None, **options: Any
) -> None:
    """Audits a labelled image folder: duplicates, near-duplicates across splits, label conflicts, bad files, overlaps.

    \b
    Example: braintumor-tf audit data/sartaj --against data/navoneel --html audit.html
    """
    from braintumor_tf.datasets import scan
    from braintumor_tf.leakage.audit_report import format_audit
    from braintumor_tf.leakage.folder_audit import audit as make_audit

    how = {"strict": options["strict"], "cache": not options["no_cache"]}
    report = make_audit(
        scan(folder, **how),
        [scan(other, **how) for other in against],
        distance=options["distance"],
        correlation=options["correlation"],
    )
    if html:
        from braintumor_tf.report.pages.audit import write_audit_page

        click.echo(f"wrote {write_audit_page(report, html)}", err=True)
    if as_json:
        _print_json(report.to_dict())
    else:
        click.echo(format_audit(report))
    if fail_on == "leak" and report.leak:
        raise SystemExit(LEAK_EXIT_CODE)


@main.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@click.option(
    "--dataset", default="synthetic", show_default=True, help="synthetic, the name of a source, a folder or a CSV."
)
@click.option("--out", default="models", show_default=True, help="Folder for executed notebooks, pages and runs.")
@click.option("-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="A notebook's parameter.")
@click.option("--resume", is_flag=True, help="Skip notebooks that are finished in OUT.")
@click.option("--timeout", type=float, help="Seconds that one cell may take.")
@click.option("--kernel", help="An installed Jupyter kernel; by default this very Python.")
def run(
    notebooks: tuple[str, ...], dataset: str, out: str, parameters: tuple[tuple[str, str], ...], **options: Any
) -> None:
    """Runs numbered notebooks with papermill, by default the required ones (0x), and prints the reports they wrote.

    NOTEBOOK is a name (00_quickstart), a number (00), a group (1x) or a path.

    \b
    Example: braintumor-tf run 11 --dataset data/sartaj -p PROTOCOL grouped
    """
    from braintumor_tf.notebooks.runner import run_notebooks, select_notebooks

    chosen = select_notebooks(notebooks or ["0x"])
    for result in run_notebooks(chosen, out=out, parameters=dict(parameters), dataset=dataset, **options):
        click.echo(f"{result.name}: {result.html}")
        if result.results.get("report"):
            click.echo(f"report: {Path(result.results['report']).resolve()}")


for command in (models.train, models.evaluate, models.predict, search, explain, compare):
    main.add_command(command)


def _print_json(value: Any) -> None:
    from braintumor_tf.files import to_json

    sys.stdout.write(to_json(value) + "\n")
