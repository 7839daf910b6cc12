"""What noise robustness costs: scoring images under 7 noises at 5 severities, as a multiple of one clean pass.

    python benchmarks/robustness.py data/sartaj/Testing

The clean pass is Keras's `model.predict` over the images, decoded and resized beforehand. It is compared with all of
`robustness`: reading and decoding, the clean images, 35 corruptions of each, predicting, and 1,000 resamples. Both run
in turn, the clean pass thrice before and thrice after, when both are warm. Beside the time on the wall stands that of
all threads on the processors, which other work on the machine changes less. The models have random weights; it is time
that is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from braintumor_tf.datasets import read_image, scan
from braintumor_tf.files import write_json
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "robustness.json"
MODELS = {"CNN": 128, "MobileNetV2-0.35": 160}
"""Models and the size of their images in pixels."""
GOAL = 40
"""Clean passes that all 35 corruptions may take."""
KEYS = ("ratio", "processor_ratio", "clean_wall", "wall")


def measure(name: str, size: int, manifest: pd.DataFrame, repeats: int) -> dict[str, Any]:
    """Returns the seconds of each way and their ratio, of every repeat."""
    from braintumor_tf import models
    from braintumor_tf.evaluation.robustness import robustness
    from braintumor_tf.models.factory import as_predictor

    model = models.build(name, image_size=size, seed=0)
    predictor = as_predictor(model)
    pixels = [read_image(path, grey=predictor.channels == 1, size=predictor.image_size) for path in manifest["path"]]
    images = np.stack(pixels).reshape(len(pixels), size, size, predictor.channels).astype("float32")

    def clean() -> Any:
        return model.predict(images, batch_size=32, verbose=0)

    def noisy() -> Any:
        return robustness(model, manifest, show_progress=False).to_dict()

    clean()
    robustness(model, manifest.head(32), noises="gaussian", severities=[1], resamples=10, show_progress=False)
    rows = []
    for _ in range(repeats):
        before, under_noise, after = [times(clean) for _ in range(3)], times(noisy), [times(clean) for _ in range(3)]
        passes = np.median([*before, *after], axis=0)
        rows.append(
            {
                "clean_wall": passes[0],
                "clean_processor": passes[1],
                "wall": under_noise[0],
                "processor": under_noise[1],
                "ratio": under_noise[0] / passes[0],
                "processor_ratio": under_noise[1] / passes[1],
            }
        )
    table = pd.DataFrame(rows)
    return {
        "model": name,
        "image_size": size,
        "images": len(images),
        **{key: {"median": table[key].median(), "least": table[key].min(), "most": table[key].max()} for key in KEYS},
        "met": bool(table["ratio"].median() <= GOAL),
        "repeats": rows,
    }


def times(work: Callable[[], Any]) -> tuple[float, float]:
    """Returns how many seconds a call takes, on the wall and of all threads on the processors."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--repeats", default=5, show_default=True, help="How often each is timed.")
@click.option("--out", default=str(RESULTS), show_default=True, help="Where the JSON goes.")
def main(folder: str, repeats: int, out: str) -> None:
    """Times both ways for each model on the images of FOLDER, prints a table and writes JSON."""
    manifest = scan(folder, show_progress=False).manifest
    manifest = manifest.assign(group=manifest["md5"])
    found = [measure(name, size, manifest, repeats) for name, size in MODELS.items()]
    click.echo(f"medians of {repeats} repeats (least to most); the goal is a ratio of at most {GOAL}")
    for row in found:
        spread = {key: "{median:.2f} ({least:.2f} to {most:.2f})".format(**row[key]) for key in KEYS}
        click.echo(
            f"{row['model']}, {row['image_size']} px, {row['images']} images: clean pass {spread['clean_wall']} s, "
            f"under noise {spread['wall']} s, ratio {spread['ratio']}, of processor time {spread['processor_ratio']}"
        )
    write_json(out, {"goal": GOAL, "models": found, "environment": environment()})


if __name__ == "__main__":
    main()
