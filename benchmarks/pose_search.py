"""How the search for the nearest pose fingerprints grows: time, memory and recall on simulated fingerprints.

A tenth of the fingerprints are planted copies of others, as alike as a head and its crop are (cosine about 0.8).
Run: python benchmarks/pose_search.py
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path

import click
import numpy as np

from braintumor_tf.files import write_json
from braintumor_tf.matching.inverted_file import nearest
from braintumor_tf.matching.poses import DIMENSIONS, NEIGHBOURS
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "pose_search.json"
_INNER = 24
"""Directions that fingerprints of heads mostly lie in, so that they crowd as real ones do."""


def planted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fingerprints of length 1, and the positions of originals and of their copies."""
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=(_INNER, DIMENSIONS)).astype(np.float32) / np.sqrt(_INNER)
    prints = rng.normal(size=(count, _INNER)).astype(np.float32) @ plane
    prints += 0.3 * rng.normal(size=prints.shape).astype(np.float32)
    chosen = rng.permutation(count)[: 2 * (count // 10)]
    originals, copies = chosen[::2], chosen[1::2]
    noise = rng.normal(size=(len(copies), DIMENSIONS)).astype(np.float32)
    prints[copies] = prints[originals] + 0.75 * noise
    return prints / np.linalg.norm(prints, axis=1, keepdims=True), originals, copies


def measure(count: int, workers: int, seed: int, queue: multiprocessing.Queue) -> None:
    """Times one search in a process of its own, so that its peak memory is its own."""
    prints, originals, copies = planted(count, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    query, found = nearest(prints, prints, NEIGHBOURS, skip_self=True, workers=workers)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    hit = np.isin(copies * count + originals, query * count + found)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    likeness = float(np.einsum("ij,ij->i", prints[originals], prints[copies]).mean())
    queue.put({"fingerprints": count, "seconds": seconds, "cpu_seconds": cpu, "memory_mb": memory, "cosine": likeness}
              | {"recall": float(hit.mean())})  # fmt: skip


@click.command()
@click.option("--sizes", default="10000,30000,100000", show_default=True, help="1000000 takes about half an hour.")
@click.option("--workers", default=2, show_default=True, help="Threads.")
def main(sizes: str, workers: int) -> None:
    """Times the search at several sizes and fits the exponent of its growth."""
    context, rows = multiprocessing.get_context("spawn"), []
    for count in map(int, sizes.split(",")):
        queue = context.Queue()
        process = context.Process(target=measure, args=(count, workers, 0, queue))
        process.start()
        rows.append(queue.get())
        process.join()
        click.echo("{fingerprints:>9,}: {seconds:8.1f} s, {cpu_seconds:8.1f} s of CPU, {memory_mb:6.0f} MB more, "
                   "{recall:.1%} of the copies found".format(**rows[-1]))  # fmt: skip
    logs = np.log([[row["fingerprints"], row["cpu_seconds"]] for row in rows])
    exponent = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0]) if len(rows) > 1 else None
    last = float((logs[-1, 1] - logs[-2, 1]) / (logs[-1, 0] - logs[-2, 0])) if len(rows) > 1 else None
    click.echo(f"growth: time ~ n^{exponent:.2f}, between the largest two n^{last:.2f}" if exponent else "")
    result = {"rows": rows, "exponent": exponent, "last_exponent": last, "environment": environment()}
    write_json(RESULTS, result)


if __name__ == "__main__":
    main()
