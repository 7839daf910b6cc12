"""Measures augmented batches: Keras's ImageDataGenerator, other libraries, and this package, side by side.

    python benchmarks/augmentation.py path/to/sartaj/Training

Each family of rows lives in a process of its own; the rows are measured in turn, several times over, so that whatever
else the machine does falls on all of them. Prints a table and writes it as JSON.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from augmentation_rows import NAMES, serve  # noqa: E402
from augmentation_timing import Setting  # noqa: E402

from braintumor_tf.files import write_json  # noqa: E402

REFERENCE = "stock + NumPy noise"
SIZES = (128, 224, 320, 456)
BATCHES = (8, 32, 128)
SCALING = {"stock": REFERENCE, "ours": "ours, later epochs + noise, as it comes"}
PACKAGES = (
    "numpy",
    "keras",
    "tensorflow",
    "opencv-python-headless",
    "opencv-python",
    "albumentations",
    "scikit-image",
)


class Family:
    """A child process that measures the rows of one family."""

    def __init__(self, name: str, setting: Setting):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(name, setting, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # ready

    def measure(self, row: str) -> tuple[float, float]:
        """Returns images per second, and megabytes above what the process took before."""
        self._pipe.send(row)
        return self._pipe.recv()

    def close(self) -> None:
        """Ends the process."""
        self._pipe.send(None)
        self._process.join()


def main() -> None:
    """Reads the options, measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a folder with one folder of images for each class, such as sartaj/Training")
    parser.add_argument("--size", type=int, default=224, help="height and width (default 224)")
    parser.add_argument("--batch", type=int, default=32, help="images in a batch (default 32)")
    parser.add_argument("--repeats", type=int, default=5, help="how often each row is measured (default 5)")
    parser.add_argument("--families", nargs="+", choices=NAMES, default=list(NAMES), help="which rows (default all)")
    parser.add_argument("--no-scaling", action="store_true", help="leave out other sizes and batch sizes")
    output = Path(__file__).parent / "results" / "augmentation.json"
    parser.add_argument("--output", type=Path, default=output, help="the JSON file (default benchmarks/results/…)")
    options = parser.parse_args()
    if not Path(options.data).is_dir():
        parser.error(f"{options.data}: no such folder")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TQDM_DISABLE", "1")
    setting = Setting(options.data, options.size, options.batch)
    rows = measure(setting, options.families, options.repeats)
    print_rows(rows, setting)
    scaling = [] if options.no_scaling else measure_scaling(options.data, options.repeats)
    print_scaling(scaling)
    write_json(
        options.output,
        {
            "command": "python benchmarks/augmentation.py DATA",
            "data": f"{Path(options.data).parent.name}/{Path(options.data).name}",
            "size": options.size,
            "batch": options.batch,
            "repeats": options.repeats,
            "machine": {
                "processor": _processor(),
                "cores": len(os.sched_getaffinity(0)),
                "python": platform.python_version(),
            },
            "packages": _versions(),
            "reference": REFERENCE,
            "rows": rows,
            "scaling": scaling,
        },
    )


def measure(setting: Setting, families: list[str], repeats: int) -> list[dict[str, Any]]:
    """Measures all rows in turn, `repeats` times after a first time that does not count."""
    running = {name: Family(name, setting) for name in families}
    results: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(repeats + 1):
        for name, family in running.items():
            for row in NAMES[name]:
                rate, memory = family.measure(row)
                results.setdefault(row, []).append((rate, memory))
        print(f"measured {repeat} of {repeats} times", file=sys.stderr)
    for family in running.values():
        family.close()
    reference = _median([rate for rate, _ in results.get(REFERENCE, [])[1:]])
    return [_summary(row, values, reference) for row, values in results.items()]


def measure_scaling(data: str, repeats: int) -> list[dict[str, Any]]:
    """Measures the reference and this package over image sizes and batch sizes, on 512 of the images."""
    rows = []
    for size, batch in [(size, 32) for size in SIZES] + [(224, batch) for batch in BATCHES if batch != 32]:
        setting = Setting(data, size, batch, images=512)
        running = {name: Family(name, setting) for name in SCALING}
        rates: dict[str, list[float]] = {name: [] for name in SCALING}
        for _ in range(min(repeats, 3) + 1):
            for name, family in running.items():
                rates[name].append(family.measure(SCALING[name])[0])
        for family in running.values():
            family.close()
        medians = {name: _median(values[1:]) for name, values in rates.items()}
        ratio = medians["ours"] / medians["stock"]
        rows.append(
            {"size": size, "batch": batch, **medians, "ratio": ratio, "megapixels": medians["ours"] * size**2 / 1e6}
        )
    return rows


def print_rows(rows: list[dict[str, Any]], setting: Setting) -> None:
    """Prints the table."""
    print(f"\n{setting.size} x {setting.size}, batches of {setting.batch}; ratio to '{REFERENCE}'\n")
    print(f"{'':50}{'images/s':>10}{'min':>9}{'max':>9}{'ratio':>8}{'peak MB':>9}")
    for row in rows:
        rate = row["images_per_second"]
        numbers = f"{rate['median']:10,.0f}{rate['min']:9,.0f}{rate['max']:9,.0f}{row['ratio'] or 0:8.1f}"
        print(f"{row['name']:50}{numbers}{row['peak_megabytes']:9,.0f}")


def print_scaling(rows: list[dict[str, Any]]) -> None:
    """Prints how the rates depend on image and batch size."""
    if not rows:
        return
    print(f"\n{'size':>6}{'batch':>7}{'stock + NumPy':>15}{'ours + noise':>14}{'ratio':>8}{'ours, Mpixel/s':>16}")
    for row in rows:
        rates = f"{row['stock']:15,.0f}{row['ours']:14,.0f}{row['ratio']:8.1f}{row['megapixels']:16,.0f}"
        print(f"{row['size']:6}{row['batch']:7}{rates}")


def _summary(name: str, values: list[tuple[float, float]], reference: float | None) -> dict[str, Any]:
    rates = [rate for rate, _ in values[1:]]
    return {
        "name": name,
        "images_per_second": {"median": _median(rates), "min": min(rates), "max": max(rates)},
        "ratio": _median(rates) / reference if reference else None,
        "peak_megabytes": max(memory for _, memory in values),
    }


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except ModuleNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
