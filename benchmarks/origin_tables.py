"""The shipped index of published pictures, made of figshare 1512427 and Br35H.

A folder has the pictures by class and one CSV: patients.csv or manifest.csv (path, label, patient and the lesion box,
as `braintumor-tf datasets fetch figshare` writes it), or boxes.csv (path, label and the box).
Run: python benchmarks/origin_tables.py --figshare data/figshare --br35h data/br35h
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

import braintumor_tf.identity
from braintumor_tf.datasets import scan
from braintumor_tf.datasets.formats.medical.matlab import patient_and_visit
from braintumor_tf.datasets.sources.table import get_source
from braintumor_tf.identity import OriginIndex, make_index, write_index
from braintumor_tf.identity.descriptors import Descriptors
from braintumor_tf.identity.lesion_boxes import format_box

TABLES = Path(braintumor_tf.identity.__file__).parent / "tables"
PICTURES_PER_FILE = 650
BOX = ["box_x", "box_y", "box_width", "box_height"]
CREDITS = {
    "figshare": "Jun Cheng et al., brain tumor dataset, figshare 1512427, doi:10.6084/m9.figshare.1512427",
    "br35h": "Ahmed Hamada, Br35H :: Brain Tumor Detection 2020, Kaggle",
}
LICENCES = {"figshare": "CC BY 4.0", "br35h": "not known to us; see the page"}


def facts(folder: Path) -> pd.DataFrame:
    """Reads what a set's CSV says of its pictures: path, patient, visit, lesion_box; all text."""
    found = [folder / name for name in ("patients.csv", "manifest.csv", "boxes.csv") if (folder / name).is_file()]
    if not found:
        raise click.ClickException(f"{folder}: has no patients.csv, manifest.csv or boxes.csv; fetch the set first")
    table = pd.read_csv(found[0], dtype=str, keep_default_na=False)
    if "lesion_box" not in table:
        boxes = table[BOX].to_numpy()
        table["lesion_box"] = [format_box(np.array(row, float)) if row[0] else "" for row in boxes]
    if "visit" not in table:
        ids = table.get("patient", pd.Series("", index=table.index))
        table["patient"], table["visit"] = zip(*map(patient_and_visit, ids))
    return table[["path", "patient", "visit", "lesion_box"]]


def published(folder: Path) -> pd.DataFrame:
    """Returns the manifest of a set with its facts, by number."""
    manifest = scan(folder).manifest
    names = [Path(path).relative_to(folder.resolve()).as_posix() for path in manifest["path"]]
    known = facts(folder).set_index("path").reindex(names).fillna("").reset_index(drop=True)
    manifest = manifest.assign(**known, origin_id=[Path(name).stem for name in names])
    number = manifest["origin_id"].str.extract(r"(\d+)$")[0].astype(int)
    return manifest.assign(number=number).sort_values(["label", "number"], ignore_index=True)


def parts(index: OriginIndex) -> list[OriginIndex]:
    """Divides an index into parts of about equally many pictures, no more than `PICTURES_PER_FILE`."""
    chunks = np.array_split(np.arange(len(index)), -(-len(index) // PICTURES_PER_FILE))
    facts = {name: getattr(index, name) for name in ("origin", "credit", "licence", "url")}
    return [
        OriginIndex(
            **facts,
            rows=index.rows.iloc[chunk].reset_index(drop=True),
            descriptors=Descriptors(*(column[chunk] for column in index.descriptors)),
        )
        for chunk in chunks
    ]


@click.command()
@click.option("--figshare", type=Path, help="The folder of figshare's pictures.")
@click.option("--br35h", type=Path, help="The folder of Br35H's pictures.")
@click.option("--out", type=Path, default=TABLES, show_default=True)
def main(figshare: Path | None, br35h: Path | None, out: Path) -> None:
    """Writes the files of each set that is given, in place of its earlier ones."""
    for origin, folder in (("figshare", figshare), ("br35h", br35h)):
        if folder is None:
            continue
        index = make_index(
            published(folder),
            origin=origin,
            credit=CREDITS[origin],
            licence=LICENCES[origin],
            url=get_source(origin).url,
        )
        for old in out.glob(f"{origin}_*.npz"):
            old.unlink()
        for number, part in enumerate(parts(index), start=1):
            path = write_index(out / f"{origin}_{number}.npz", part)
            click.echo(f"{path.name}: {len(part):,} pictures, {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
