"""How finding near-duplicate fingerprints grows: time, memory and recall on simulated 64-bit hashes.

A tenth of the fingerprints are planted neighbours of others, 1 to 8 bits away. Run: python benchmarks/fingerprints.py
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path

import click
import numpy as np

from braintumor_tf.files import write_json
from braintumor_tf.matching import hamming_pairs
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "fingerprints.json"


def planted(count: int, distance: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random fingerprints and the positions of the planted neighbours, each at most `distance` bits apart."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    chosen = rng.permutation(count)[: 2 * (count // 10)]
    originals, copies = chosen[::2], chosen[1::2]
    flipped = np.zeros(len(copies), np.uint64)
    for _ in range(distance):
        flipped |= np.uint64(1) << rng.integers(0, 64, len(copies), dtype=np.uint64)
    hashes[copies] = hashes[originals] ^ flipped
    return hashes, np.minimum(originals, copies), np.maximum(originals, copies)


def measure(count: int, distance: int, seed: int, queue: multiprocessing.Queue) -> None:
    """Times one search in a process of its own, so that its peak memory is its own."""
    hashes, first, second = planted(count, distance, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    left, right = hamming_pairs(hashes, distance)
    seconds = time.perf_counter() - start
    codes = left * count + right
    lost = int((~np.isin(first * count + second, codes)).sum())
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    queue.put({"fingerprints": count, "seconds": seconds, "memory_mb": memory, "planted": len(first), "lost": lost})


@click.command()
@click.option("--sizes", default="10000,100000,1000000", show_default=True)
@click.option("--distance", default=8, show_default=True, help="Bits.")
@click.option("--repeats", default=3, show_default=True)
def main(sizes: str, distance: int, repeats: int) -> None:
    """Times the search at several sizes and fits the exponent of its growth."""
    context, rows = multiprocessing.get_context("spawn"), []
    for count in map(int, sizes.split(",")):
        runs = []
        for seed in range(repeats):
            queue = context.Queue()
            process = context.Process(target=measure, args=(count, distance, seed, queue))
            process.start()
            runs.append(queue.get())
            process.join()
        seconds = sorted(run["seconds"] for run in runs)
        row = {**runs[0], "seconds": float(np.median(seconds)), "fastest": seconds[0], "slowest": seconds[-1]}
        row |= {"memory_mb": max(run["memory_mb"] for run in runs), "lost": sum(run["lost"] for run in runs)}
        rows.append(row)
        click.echo(
            f"{count:>9,} fingerprints: {row['seconds']:8.2f} s ({row['fastest']:.2f} to {row['slowest']:.2f}), "
            f"{row['memory_mb']:6.0f} MB more, {row['planted']:,} planted pairs, {row['lost']} lost"
        )
    sizes_done, times = [row["fingerprints"] for row in rows], [row["seconds"] for row in rows]
    exponent = float(np.polyfit(np.log(sizes_done), np.log(times), 1)[0]) if len(rows) > 1 else None
    click.echo(f"growth: time ~ n^{exponent:.2f} (comparing all pairs: n^2)" if exponent else "")
    write_json(RESULTS, {"distance": distance, "rows": rows, "exponent": exponent, "environment": environment()})


if __name__ == "__main__":
    main()
