"""The commands ``datasets list``, ``fetch`` and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from braintumor_tf.cli._options import DATA_DIR, json_option
from braintumor_tf.cli._output import print_json, table_lines

if TYPE_CHECKING:
    from braintumor_tf.datasets.sources.table import Source


@click.command("list")
@json_option("Print a JSON list.")
def list_datasets(as_json: bool) -> None:
    """Shows the declared data sets: classes, counts, licence, known faults.

    \b
    Example: braintumor-tf datasets list
    """
    from braintumor_tf.datasets.sources.table import SOURCES

    if as_json:
        print_json([asdict(source) for source in SOURCES])
    else:
        click.echo("\n".join(_lines(SOURCES)))


@click.command("fetch")
@click.argument("name")
@DATA_DIR
def fetch_dataset(name: str, data_dir: str) -> None:
    """Downloads a declared data set to DATA_DIR/NAME and prints its folder.

    \b
    Example: braintumor-tf datasets fetch navoneel
    """
    from braintumor_tf.datasets import fetch

    click.echo(fetch(name, data_dir=data_dir))


@click.command("verify")
@click.argument("name_or_dir")
@DATA_DIR
@json_option("Print one JSON object.")
def verify_dataset(name_or_dir: str, data_dir: str, as_json: bool) -> None:
    """Recognises a data set by its content and says what differs. Exits with 1 if it is not complete and unchanged.

    \b
    Example: braintumor-tf datasets verify Downloads/archive
    """
    from braintumor_tf.datasets import verify

    found = verify(name_or_dir, data_dir=data_dir)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(found.conclusion)
    if not found.complete:
        raise SystemExit(1)


def _lines(sources: Sequence[Source]) -> list[str]:
    """The declared sources: a table, then the page of each and what is known to be wrong with it."""
    cells = [("name", "images", "patients", "licence", "classes")]
    for source in sources:
        licence = source.licence.partition(" (so")[0].partition(";")[0]
        patients = "known" if source.patients else "unknown"
        cells.append((source.name, f"{source.images:,}", patients, licence, ", ".join(source.classes)))
    faults = [("", "")]
    for source in sources:
        faults += [(source.name, source.url), ("", " ".join(source.faults))]
    known = ["", "Licences are as others report them; the page decides.", "", "Pages and known faults"]
    return [*table_lines(cells), *known, *table_lines(faults)[1:]]
