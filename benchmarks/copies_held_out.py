"""Recall and false pairs on images that nothing was fitted to or chosen on.

The projection of the fingerprints was fitted on every second picture of figshare 1512427 and of Br35H
(`pose_weights.py`), the thresholds were chosen on Sartaj and figshare. What is in a group with any of these, in any
pose, is left out. Public sets hold the same pictures, so few are left; they are looked for among themselves and all of
navoneel. Run: python benchmarks/copies_held_out.py data
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import pandas as pd
from copies import mirrored_set, recalls
from copies_alterations import ALTERATIONS
from copies_rival import rival_name
from copies_sheet import write_sheet

from braintumor_tf.datasets import scan
from braintumor_tf.files import write_json
from braintumor_tf.leakage import group
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "copies_held_out.json"
FITTED_ON_EVERY = 2


def held_out(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The images that are searched, and the positions of those that nothing that was seen is in a group with."""
    sets = {name: scan(folder / name, show_progress=False).manifest for name in _SETS}
    fitted = np.arange(len(sets["br35h"])) % FITTED_ON_EVERY == 0
    seen = pd.concat([sets["sartaj"], sets["figshare"], sets["br35h"][fitted]])
    new = pd.concat([sets["br35h"][~fitted], sets["masoud"], sets["navoneel"]])
    both = pd.concat([seen, new], ignore_index=True).assign(group="")
    names, is_new = group(both, show_progress=False)["group"], np.arange(len(both)) >= len(seen)
    is_held_out = is_new & ~names.isin(set(names[~is_new])).to_numpy()
    searched = is_held_out | (np.arange(len(both)) >= len(both) - len(sets["navoneel"]))
    return both[searched].reset_index(drop=True), np.flatnonzero(is_held_out[searched])


_SETS = ("sartaj", "figshare", "br35h", "navoneel", "masoud")


@click.command()
@click.argument("folder", type=Path)
@click.option("--missed", type=Path, help="Also write a picture of the pairs that are missed.")
@click.option("--out", type=Path, default=RESULTS, show_default=True)
def main(folder: Path, missed: Path | None, out: Path) -> None:
    """Prints the share of altered copies that are found of held-out images, and false pairs with mirror images."""
    manifest, chosen = held_out(folder)
    sources = manifest["path"][chosen].str[len(str(folder.resolve())) + 1 :].str.split("/").str[0]
    sources = sources.value_counts().to_dict()
    click.echo(f"{len(chosen):,} images held out, {sources}, looked for among {len(manifest):,}")
    rows, sheet = recalls(manifest, chosen, tuple(ALTERATIONS))
    with TemporaryDirectory() as place:
        mirrored = mirrored_set(manifest, Path(place) / "set")
    click.echo(f"with their mirror images: {mirrored | {'rows': '...'}}")
    result = {"images": len(manifest), "altered": len(chosen), "sources": sources, "rows": rows}
    write_json(out, result | {"pHash": rival_name(), "mirrored_set": mirrored, "environment": environment()})
    if missed is not None:
        write_sheet(missed, sheet)


if __name__ == "__main__":
    main()
