"""What a benchmark of augmentation shares: its setting, its clock, and its look at the memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

QUEUE = 10
"""Batches that wait at most, Keras's own `max_queue_size`."""


@dataclass(frozen=True)
class Setting:
    """What all rows of a run share: the folder, the size, the batch size, and how many images (0 for all)."""

    data: str
    size: int
    batch: int
    images: int = 0


class PeakMemory:
    """Looks at the resident memory every 10 ms."""

    def __enter__(self) -> PeakMemory:
        self.bytes, self._done = resident_bytes(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, resident_bytes())

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.bytes = max(self.bytes, resident_bytes())


def resident_bytes() -> int:
    """Returns the memory that this process takes."""
    import psutil

    return psutil.Process().memory_info().rss


def batches_of(dataset: Any, workers: int, count: int) -> Iterator[Any]:
    """Gives `count` batches of a PyDataset, made by `workers` threads with a queue as Keras has it."""
    numbers = (number % len(dataset) for number in range(count))
    if workers == 1:
        yield from (dataset[number] for number in numbers)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(dataset.__getitem__, number) for number in islice(numbers, QUEUE))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(dataset.__getitem__, number) for number in islice(numbers, 1))


def time_batches(batches: Iterator[Any]) -> tuple[int, float]:
    """Returns how many images came, and in how many seconds."""
    start, images = time.perf_counter(), 0
    for batch in batches:
        images += len(batch[0])
    return images, time.perf_counter() - start
