"""The audit of a folder against the usual way: imagehash in a loop, then all pairs compared in Python.

Both find the near-duplicate groups of the same images. The audit is also timed without the search for other poses, in
seconds and in seconds of CPU, which other work on the machine disturbs less. Run: python benchmarks/audit.py FOLDER
"""

from __future__ import annotations

import os
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


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of CPU of this process and its children."""
    start, busy = time.perf_counter(), os.times()
    work()
    cpu = sum(after - before for before, after in zip(busy[:4], os.times()[:4]))
    return time.perf_counter() - start, cpu


def first_time(folder: str, distance: int, poses: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Times an audit with an empty cache, and again."""

    def work() -> None:
        audit(scan(folder, show_progress=False), distance=distance, poses=poses, show_progress=False)

    with TemporaryDirectory() as fresh:
        os.environ["BRAINTUMOR_TF_CACHE"] = fresh
        assert cache_module.cache_directory() == Path(fresh)
        return timed(work), timed(work)


def compared(numerator: list[float], denominator: list[float]) -> dict[str, object]:
    ratios = np.array(numerator) / np.array(denominator)
    return {"ratio": float(np.median(ratios)), "ratios": ratios.tolist()}


def spread(ratios: dict[str, object]) -> str:
    return f"{ratios['ratio']:6.2f} x  ({min(ratios['ratios']):.2f} to {max(ratios['ratios']):.2f})"


@click.command()
@click.argument("folder")
@click.option("--distance", default=8, show_default=True, help="Bits.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--only-poses", is_flag=True, help="Leave the usual way out: what the search for other poses costs.")
def main(folder: str, distance: int, repeats: int, only_poses: bool) -> None:
    """Times the ways in turn and prints the ratio of each pair of runs."""
    paths = scan(folder, show_progress=False).manifest["path"].tolist()
    names = {"first": "audit, first time", "again": "audit, again (cached)", "usual": "imagehash, all pairs in Python"}
    names |= {"first_one_pose": "audit without poses, first time", "again_one_pose": "audit without poses, again"}
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    first_time(folder, distance, True)  # libraries are loaded and files lie in memory from here on
    for _ in range(repeats):
        for kind, poses in (("", True), ("_one_pose", False)):
            for name, seconds in zip(("first", "again"), first_time(folder, distance, poses)):
                rows[name + kind].append(seconds)
        if not only_poses:
            rows["usual"].append(timed(lambda: usual_way(paths, distance)))
    result = {"images": len(paths), "distance": distance, "environment": environment()}
    for name, times in rows.items():
        if times:
            wall, cpu = (list(column) for column in zip(*times))
            result[name] = {"seconds": wall, "cpu_seconds": cpu}
            click.echo(f"{names[name]:32} {np.median(wall):8.2f} s   {np.median(cpu):8.2f} s of CPU")
    for name in ("first", "again"):
        for unit in ("seconds", "cpu_seconds"):
            cost = compared(result[name][unit], result[f"{name}_one_pose"][unit])
            result[name][f"poses_{unit}"] = cost
            click.echo(f"{names[name]}: with poses over without, {unit}: {spread(cost)}")
        if not only_poses:
            gain = compared(result["usual"]["seconds"], result[name]["seconds"])
            result[name] |= gain
            click.echo(f"{names[name]}: the usual way over this, seconds: {spread(gain)}")
    write_json(RESULTS if not only_poses else RESULTS.with_name("audit_poses.json"), result)


if __name__ == "__main__":
    main()
