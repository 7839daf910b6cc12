"""Training steps with Keras's own batch normalisation against the fused one, in turn, as a ratio with its spread.

    python benchmarks/normalisation.py --repeats 5

Both networks have the same layers and weights and see the same random images; only the class of the batch
normalisations differs. What is timed is Keras's ``train_on_batch``, after a first step that compiles.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.files import write_json
from braintumor_tf.models import build
from braintumor_tf.models.layers.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.runs import environment
from braintumor_tf.training.devices.glibc_memory import keep_freed_memory

RESULTS = Path(__file__).parent / "results" / "normalisation.json"
NETWORKS = (("MobileNetV2-0.35", 160), ("CNN", 128), ("EfficientNetB0", 96))
BATCH = 32


def with_normalisation_of_keras(model: keras.Model) -> keras.Model:
    """Returns a copy of a model, with its weights, whose batch normalisations are Keras's own."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        fused = type(layer) is FusedBatchNormalization
        return (keras.layers.BatchNormalization if fused else type(layer)).from_config(layer.get_config())

    plain = keras.models.clone_model(model, clone_function=copy)
    plain.set_weights(model.get_weights())
    return plain


def images_per_second(model: keras.Model, images: np.ndarray, labels: np.ndarray, steps: int) -> float:
    """Times some training steps of a compiled model."""
    started = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(images, labels)
    return steps * len(images) / (time.perf_counter() - started)


def measure(name: str, image_size: int, repeats: int, steps: int) -> dict[str, Any]:
    """Times both ways in turn; returns images per second of each repeat and their ratios."""
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (BATCH, image_size, image_size, 3)).astype("float32")
    labels = np.eye(len(CLASSES), dtype="float32")[generator.integers(0, len(CLASSES), BATCH)]
    fused = build(name, classes=CLASSES, image_size=image_size, seed=0)
    ways = {"keras": with_normalisation_of_keras(fused), "fused": fused}
    for model in ways.values():
        model.compile(keras.optimizers.AdamW(1e-3), "categorical_crossentropy", jit_compile=False)
        images_per_second(model, images, labels, 1)
    keep_freed_memory()
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, model in ways.items():
            rates[way].append(images_per_second(model, images, labels, steps))
    ratios = [fast / slow for slow, fast in zip(*rates.values())]
    return {"model": name, "image_size": image_size, "images_per_second": rates, "ratios": ratios}


@click.command()
@click.option("--repeats", default=5, show_default=True, help="How often each way is timed, in turn.")
@click.option("--steps", default=10, show_default=True, help="Training steps a repeat, of 32 images.")
def main(repeats: int, steps: int) -> None:
    """Prints images per second of both ways and their ratio for three networks."""
    rows = []
    for name, image_size in NETWORKS:
        rows.append(measure(name, image_size, repeats, steps))
        rates, ratios = rows[-1]["images_per_second"], rows[-1]["ratios"]
        click.echo(
            f"{name}, {image_size} px: {np.median(rates['keras']):.0f} images/s with Keras's, "
            f"{np.median(rates['fused']):.0f} with the fused one: {np.median(ratios):.1f} x "
            f"({min(ratios):.1f} to {max(ratios):.1f})"
        )
    write_json(RESULTS, {"batch": BATCH, "steps": steps, "environment": environment(), "rows": rows})


if __name__ == "__main__":
    main()
