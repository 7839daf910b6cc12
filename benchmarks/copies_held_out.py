"""Recall and false pairs on images that nothing was fitted to or chosen on.

The projection of the fingerprints was fitted on every second picture of figshare 1512427 and of Br35H
(`pose_weights.py`), the thresholds were chosen on Sartaj and figshare. What is a near-duplicate of any of these, in
any pose, is left out. Run: python benchmarks/copies_held_out.py ../shared/data
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import pandas as pd
from copies import choose, mirrored_set, recalls
from copies_alterations import ALTERATIONS
from copies_rival import rival_name
from copies_sheet import write_sheet

from braintumor_tf.datasets import scan
from braintumor_tf.files import write_json
from braintumor_tf.leakage import group
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "copies_held_out.json"
FITTED_ON_EVERY = 2


def held_out(folder: Path) -> pd.DataFrame:
    """The manifest of navoneel, masoud and the rest of Br35H, less what is in a group with an image that was seen."""
    sets = {name: scan(folder / name, show_progress=False).manifest for name in _SETS}
    fitted = np.arange(len(sets["br35h"])) % FITTED_ON_EVERY == 0
    seen = pd.concat([sets["sartaj"], sets["figshare"], sets["br35h"][fitted]])
    new = pd.concat([sets["br35h"][~fitted], sets["navoneel"], sets["masoud"]])
    both = pd.concat([seen, new], ignore_index=True).assign(group="")
    names, is_new = group(both, show_progress=False)["group"], np.arange(len(both)) >= len(seen)
    return both[is_new & ~names.isin(set(names[~is_new]))].reset_index(drop=True)


_SETS = ("sartaj", "figshare", "br35h", "navoneel", "masoud")


@click.command()
@click.argument("folder", type=Path)
@click.option("--images", default=200, show_default=True, help="Images that are altered.")
@click.option("--missed", type=Path, help="Also write a picture of the pairs that are missed.")
@click.option("--out", type=Path, default=RESULTS, show_default=True)
def main(folder: Path, images: int, missed: Path | None, out: Path) -> None:
    """Prints the share of altered copies that are found among held-out images, and false pairs with mirror images."""
    manifest = held_out(folder)
    sources = manifest["path"].str[len(str(folder.resolve())) + 1 :].str.split("/").str[0].value_counts().to_dict()
    click.echo(f"{len(manifest):,} images held out: {sources}")
    rows, sheet = recalls(manifest, choose(manifest, images), tuple(ALTERATIONS))
    with TemporaryDirectory() as place:
        mirrored = mirrored_set(manifest, Path(place) / "set")
    click.echo(f"with their mirror images: {mirrored | {'rows': '...'}}")
    result = {"images": len(manifest), "sources": sources, "altered": min(images, len(manifest)), "rows": rows}
    write_json(out, result | {"pHash": rival_name(), "mirrored_set": mirrored, "environment": environment()})
    if missed is not None:
        write_sheet(missed, sheet)


if __name__ == "__main__":
    main()
