"""The command ``datasets link``: which images are published pictures, and whose."""

from __future__ import annotations

from typing import Any

import click

from braintumor_tf.cli._options import DATA_DIR, INDEX, json_option, layout_options
from braintumor_tf.cli._output import print_json, say_remarks


@click.command("link")
@click.argument("dataset", metavar="DIR")
@INDEX
@layout_options
@json_option("Print a JSON list, one object an image; what is unknown is null.")
@click.option("--csv", "csv", metavar="FILE", help="Write the same as a CSV; what is unknown is empty.")
@click.option("--no-cache", is_flag=True, help="Read every file and search every picture again.")
@DATA_DIR
def link_dataset(
    dataset: str,
    indexes: tuple[str, ...],
    as_json: bool,
    csv: str | None,
    no_cache: bool,
    data_dir: str,
    layout: dict[str, Any],
) -> None:
    """Says which images of DIR are published pictures, in any pose, and so which patients they show.

    DIR is a folder of images, labelled or not, a CSV or the name of a data set. Pictures are compared by content,
    offline; names of files and folders do not matter. Each object has path, label, origin, origin_id, patient, pose,
    origin_label, origin_patient and lesion_box. The patient is the data set's own where it names one, else that of the
    origin.

    \b
    Example: braintumor-tf datasets link data/sartaj --csv sartaj_patients.csv
    Example: braintumor-tf datasets link scans --index clinic.npz --json
    """
    from braintumor_tf.datasets import find_dataset
    from braintumor_tf.files import write_csv
    from braintumor_tf.identity import link_scan
    from braintumor_tf.identity.link_tables import format_links, link_records
    from braintumor_tf.identity.links import open_indexes

    opened = open_indexes(indexes or None)  # a wrong table is refused before images are read
    scan = find_dataset(dataset, data_dir=data_dir, cache=not no_cache, unlabelled=True, **layout)
    say_remarks(scan, dataset)
    found = link_scan(scan, indexes=opened, cache=not no_cache)
    for row in found.unreadable.itertuples():
        click.echo(f"braintumor-tf: {row.path}: {row.reason}", err=True)
    if found.links.warning:
        click.echo(f"{dataset}: {found.links.warning}", err=True)
    records = link_records(found.manifest)
    if csv:
        click.echo(f"wrote {write_csv(csv, records)}", err=True)
    if as_json:
        print_json(records.astype(object).where(records != "", None).to_dict("records"))
    else:
        click.echo(format_links(found.manifest, found.links))
