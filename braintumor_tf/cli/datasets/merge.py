"""The command ``datasets merge``: several data sets as one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from braintumor_tf.cli._options import DATA_DIR, DROP_COPIES, MERGE_BINARY, NO_LINK, json_option, layout_options
from braintumor_tf.cli._output import load_datasets, print_json, say_path


@click.command("merge")
@click.argument("datasets", nargs=-1, required=True, metavar="DIR DIR2...")
@click.option("--out", required=True, metavar="DIR", help="The folder to write; it must not exist, or be empty.")
@layout_options
@MERGE_BINARY
@DROP_COPIES
@click.option(
    "--links",
    is_flag=True,
    help="Hard links instead of copies, where the file system makes them; a change of a file is then one of both.",
)
@NO_LINK
@json_option("Print one JSON object: what went in, what is shared, what was left out.")
@DATA_DIR
def merge_datasets(
    datasets: tuple[str, ...],
    out: str,
    layout: dict[str, Any],
    binary: bool,
    drop_copies: bool,
    links: bool,
    no_link: bool,
    as_json: bool,
    data_dir: str,
) -> None:
    """Makes one data set of several, in a folder of its own, which every command takes.

    Labels get one spelling. Near-duplicates and patients are found across the data sets, and pictures under several
    labels are reported. OUT gets the images, manifest.csv (source, origin and patient of each), left_out.csv, and a
    README.md that says what went in. It appears complete or not at all. The commands train, search, audit, evaluate and
    run also take several data sets without a folder: --dataset DIR --dataset DIR2.

    \b
    Example: braintumor-tf datasets merge data/sartaj data/masoud --out data/both --drop-copies
    """
    if len(datasets) < 2:
        raise click.UsageError("give two data sets or more")
    from braintumor_tf.leakage.merging.merged_folder import refuse_filled, write_merged

    refuse_filled(Path(out))  # before images are read
    reading = {
        "link": not no_link,
        "data_dir": data_dir,
        **layout,
    }
    found = load_datasets(datasets, binary=binary, drop_copies=drop_copies, **reading)
    folder = write_merged(found, out, links=links)
    if as_json:
        print_json({"out": folder.resolve(), **found.merge.to_dict()})
    else:
        say_path("merged", folder)
