"""The fixed means and projections of the pose fingerprints, from public pictures (figshare 1512427 and Br35H).

They are statistics of 949 numbers over about 2,000 pictures: nothing of a single picture can be seen in them.
Run: python benchmarks/pose_weights.py data/figshare data/br35h
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

from braintumor_tf.datasets import scan, thumbnails_and_pictures
from braintumor_tf.matching.polar_maps import VARIANTS, measure
from braintumor_tf.matching.poses import DIMENSIONS, centred, invariants

WEIGHTS = Path(__file__).parents[1] / "braintumor_tf" / "matching" / "pose_weights.npz"


def projection(values: np.ndarray) -> np.ndarray:
    """Principal axes of centred invariants, each divided by the fourth root of its variance; ``(949, DIMENSIONS)``."""
    _, _, axes = np.linalg.svd(values, full_matrices=False)
    axes = axes[:DIMENSIONS].T
    return axes / np.sqrt(np.sqrt((values @ axes).var(0) + 1e-9))


def stored(matrix: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """A matrix as whole numbers -127..127 and their unit."""
    unit = np.float32(np.abs(matrix).max() / 127)
    return np.rint(matrix / unit).astype(np.int8), unit


@click.command()
@click.argument("folders", nargs=-1, required=True)
@click.option("--every", default=2, show_default=True, help="Take every so many-th picture.")
def main(folders: tuple[str, ...], every: int) -> None:
    """Computes the weights and writes them into the package."""
    manifests = [scan(folder).manifest.iloc[::every] for folder in folders]
    manifest = pd.concat(manifests, ignore_index=True)
    _, pictures = thumbnails_and_pictures(manifest)
    spectra = measure(pictures, manifest[["height", "width"]].to_numpy()).spectra
    values = [invariants(spectra[:, variant]) for variant in range(VARIANTS)]
    mean = np.stack([part.mean(0) for part in values])
    head, head_scale = stored(projection(centred(values[0], mean[0])))
    frame, frame_scale = stored(projection(centred(values[-1], mean[-1])))
    np.savez_compressed(
        WEIGHTS, mean=mean.astype(np.float16), head=head, head_scale=head_scale, frame=frame, frame_scale=frame_scale
    )
    click.echo(f"{len(manifest):,} pictures, {WEIGHTS.stat().st_size / 1000:.0f} KB: {WEIGHTS}")


if __name__ == "__main__":
    main()
