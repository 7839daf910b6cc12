"""The audit of a folder against the usual way: imagehash in a loop, then all pairs compared in Python.

Both find the near-duplicate groups of the same images. Run: python benchmarks/audit.py FOLDER
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import imagehash
import numpy as np
from PIL import Image

from braintumor_tf.datasets import cache as cache_module
from braintumor_tf.datasets import scan
from braintumor_tf.files import write_json
from braintumor_tf.leakage import audit
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "audit.json"


def usual_way(paths: list[str], distance: int) -> int:
    """What a notebook does: hash every image, subtract every pair of hashes; returns the number of close pairs."""
    hashes = [imagehash.phash(Image.open(path).convert("L")) for path in paths]
    pairs = 0
    for i, first in enumerate(hashes):
        for second in hashes[i + 1 :]:
            if first - second <= distance:
                pairs += 1
    return pairs


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@click.command()
@click.argument("folder")
@click.option("--distance", default=8, show_default=True, help="Bits.")
@click.option("--repeats", default=3, show_default=True)
def main(folder: str, distance: int, repeats: int) -> None:
    """Times both ways in turn and prints the ratio of each pair of runs."""
    import os

    paths = scan(folder).manifest["path"].tolist()
    rows: dict[str, list[float]] = {"usual": [], "first": [], "again": []}
    for _ in range(repeats):
        with TemporaryDirectory() as fresh:
            os.environ["BRAINTUMOR_TF_CACHE"] = fresh
            assert cache_module.cache_directory() == Path(fresh)
            rows["first"].append(timed(lambda: audit(scan(folder, show_progress=False), distance=distance)))
            rows["again"].append(timed(lambda: audit(scan(folder, show_progress=False), distance=distance)))
        rows["usual"].append(timed(lambda: usual_way(paths, distance)))
    result = {"images": len(paths), "distance": distance, "environment": environment()}
    names = {"usual": "imagehash, all pairs in Python", "first": "audit, first time", "again": "audit, again (cached)"}
    for key, name in names.items():
        ratios = np.array(rows["usual"]) / np.array(rows[key])
        result[key] = {"seconds": rows[key], "ratio": float(np.median(ratios)), "ratios": ratios.tolist()}
        click.echo(
            f"{name:32} {np.median(rows[key]):8.2f} s   {np.median(ratios):6.1f} x  "
            f"({ratios.min():.1f} to {ratios.max():.1f})"
        )
    write_json(RESULTS, result)


if __name__ == "__main__":
    main()
