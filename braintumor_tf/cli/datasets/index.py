"""The command ``datasets index``: a table of one's own pictures, by which their copies are found."""

from __future__ import annotations

import re
from pathlib import Path

import click

from braintumor_tf.cli._options import DATA_DIR


@click.command("index")
@click.argument("dataset", metavar="DIR")
@click.option("--out", required=True, metavar="FILE", help="The table to write; its name ends in .npz.")
@click.option("--origin", metavar="NAME", help="A short name of the set; by default that of the folder or the CSV.")
@click.option("--credit", default="", metavar="TEXT", help="Who made the pictures.")
@click.option("--licence", default="", metavar="TEXT", help="Under which they may be used.")
@click.option("--url", default="", help="Their page.")
@DATA_DIR
def index_dataset(
    dataset: str, out: str, origin: str | None, credit: str, licence: str, url: str, data_dir: str
) -> None:
    """Makes a table of a data set whose patients are known, so that `datasets link --index` finds copies of its images.

    DIR is a CSV of path, label and patient, or the name of a data set that names its patients. Boxes of lesions
    (box_x, box_y, box_width, box_height) are kept where the CSV has them. The table holds no picture that a person
    could look at, but it holds the names of the patients as the CSV gives them.

    \b
    Example: braintumor-tf datasets index clinic/list.csv --out clinic.npz --origin clinic
    """
    name = origin or re.sub(r"[^A-Za-z0-9_-]+", "-", Path(dataset).stem)
    if Path(out).suffix != ".npz" or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise click.UsageError("--out FILE ends in .npz; --origin NAME has letters, digits, - and _")
    refuse_unknown_patients(Path(dataset).expanduser())
    from braintumor_tf.datasets import find_dataset
    from braintumor_tf.errors import DatasetError
    from braintumor_tf.identity import make_index, write_index

    scan = find_dataset(dataset, data_dir=data_dir)
    if not (scan.manifest["patient"] != "").any():
        raise DatasetError(f"{dataset}: names no patient; give a CSV of path, label and patient")
    index = make_index(scan.manifest, origin=name, credit=credit, licence=licence, url=url)
    path = write_index(out, index)
    about = index.to_dict()
    click.echo(f"{path.resolve()}: {about['pictures']:,} pictures of {about['patients']:,} patients")


def refuse_unknown_patients(path: Path) -> None:
    """Raises DatasetError for a folder or a CSV that cannot name patients, before any image is read."""
    from braintumor_tf.datasets.layouts import Layout, read_listing
    from braintumor_tf.errors import DatasetError

    if path.is_dir():
        raise DatasetError(f"{path}: a folder names no patients; give a CSV of path, label and patient")
    if path.is_file() and not any(row["patient"] for row in read_listing(path, Layout()).rows):
        raise DatasetError(f"{path}: names no patient in a column patient; fill it, or give another CSV")
