"""Grad-CAM of a batch: this package, the recipe of keras.io one image at a time, and tf-keras-vis.

    pip install tf-keras-vis
    python benchmarks/explanations.py

All work on the same weights and images (already at the model's size) and return a map an image at the image's size, for
the class that the model predicts, by the gradient of the score before softmax. Each way runs once to be warm, except
that the first run is timed as well; then all run in turn. The maps of the ways are compared with each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from braintumor_tf.datasets import CLASSES, render_slice
from braintumor_tf.files import write_json
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "explanations.json"
WAYS = {
    "ours, batch": "one call of explain",
    "ours, one by one": "explain for each image",
    "keras.io, one by one": "a new sub-model and GradientTape for each image",
    "tf-keras-vis, batch": "Gradcam object kept, one call",
    "tf-keras-vis, one by one": "Gradcam object kept, a call for each image",
}


def ours(model: Any, images: np.ndarray, layer: str, size: int) -> Callable[[], np.ndarray]:
    """`explain` with `size` images a call."""
    from braintumor_tf import explanation

    def run() -> np.ndarray:
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        return np.concatenate(
            [explanation.explain(model, part, method="grad_cam", layer=layer, batch_size=size) for part in parts]
        )

    return run


def keras_io(model: Any, images: np.ndarray, layer: str) -> Callable[[], np.ndarray]:
    """The function of keras.io's example "Grad-CAM class activation visualization", and its resizing."""
    import keras
    import tensorflow as tf

    def make_gradcam_heatmap(img_array: np.ndarray) -> np.ndarray:
        grad_model = keras.models.Model(model.inputs, [model.get_layer(layer).output, model.output])
        with tf.GradientTape() as tape:
            last_conv_layer_output, preds = grad_model(img_array)
            pred_index = tf.argmax(preds[0])
            class_channel = preds[:, pred_index]
        grads = tape.gradient(class_channel, last_conv_layer_output)
        pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
        last_conv_layer_output = last_conv_layer_output[0]
        heatmap = tf.squeeze(last_conv_layer_output @ pooled_grads[..., tf.newaxis])
        heatmap = tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)
        return heatmap.numpy()

    size = (images.shape[2], images.shape[1])

    def run() -> np.ndarray:
        maps = [Image.fromarray(make_gradcam_heatmap(image[None])).resize(size, Image.BILINEAR) for image in images]
        return np.stack([np.asarray(heat) for heat in maps])

    return run


def tf_keras_vis(
    model: Any, images: np.ndarray, layer: str, size: int, expand: bool = True
) -> Callable[[], np.ndarray]:
    """tf-keras-vis's `Gradcam`, made once, `size` images a call; without `expand` maps as coarse as the layer."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    cam = Gradcam(model, clone=False)

    def run() -> np.ndarray:
        parts = []
        for start in range(0, len(images), size):
            part = images[start : start + size]
            classes = np.argmax(model.predict_on_batch(part), axis=1).tolist()
            # without the last argument it takes the convolution before the layer that was asked for
            parts.append(
                cam(
                    CategoricalScore(classes),
                    part,
                    penultimate_layer=layer,
                    seek_penultimate_conv_layer=False,
                    expand_cam=expand,
                )
            )
        return np.concatenate(parts)

    return run


def prepare(name: str, side: int, count: int) -> tuple[Any, Any, np.ndarray, str]:
    """Returns a model, one with the same weights that answers before softmax, images, and the layer to look at."""
    import keras

    from braintumor_tf.explanation.checks.randomisation import copy_network
    from braintumor_tf.explanation.subject import Subject
    from braintumor_tf.models import build

    model = build(name, image_size=side, seed=0)
    bare = copy_network(model)
    bare.layers[-1].activation = keras.activations.linear
    channels = Subject(model).predictor.channels
    images = np.stack([slice_of(number, side) for number in range(count)])
    images = np.repeat(images[..., None], channels, axis=-1).astype("float32")
    return model, bare, images, Subject(model).layer(None).name


def slice_of(number: int, side: int) -> np.ndarray:
    """A synthetic slice, resized to a square of `side` pixels."""
    image, _ = render_slice(CLASSES[number % len(CLASSES)], seed=number)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def measure(name: str, side: int, count: int, repeats: int) -> dict[str, Any]:
    """Times every way on one model and compares their maps."""
    model, bare, images, layer = prepare(name, side, count)
    works = {
        "ours, batch": ours(model, images, layer, count),
        "ours, one by one": ours(model, images, layer, 1),
        "keras.io, one by one": keras_io(bare, images, layer),
        "tf-keras-vis, batch": tf_keras_vis(bare, images, layer, count),
        "tf-keras-vis, one by one": tf_keras_vis(bare, images, layer, 1),
    }
    first, maps, seconds = {}, {}, {way: [] for way in works}
    for way, work in works.items():
        start = time.perf_counter()
        maps[way] = work()
        first[way] = time.perf_counter() - start
    coarse = tf_keras_vis(bare, images, layer, count, expand=False)()
    shape = (images.shape[2], images.shape[1])
    maps["tf-keras-vis, same resizing"] = np.stack(
        [np.asarray(Image.fromarray(heat).resize(shape, Image.BILINEAR)) for heat in coarse]
    )
    for _ in range(repeats):
        for way, work in works.items():
            start = time.perf_counter()
            work()
            seconds[way].append(time.perf_counter() - start)
    rows = {}
    for way in works:
        ratios = np.array(seconds[way]) / np.array(seconds["ours, batch"])
        rows[way] = {
            "first_seconds": first[way],
            "seconds": seconds[way],
            "ratio": float(np.median(ratios)),
            "ratios": ratios.tolist(),
            **agreement(maps["ours, batch"], maps[way]),
        }
    same = agreement(maps["ours, batch"], maps["tf-keras-vis, same resizing"])
    rows["tf-keras-vis, batch"]["with_same_resizing"] = same  # it puts the corners of map and image on each other
    return {"model": name, "image_size": side, "images": count, "layer": layer, "ways": rows}


def agreement(first: np.ndarray, second: np.ndarray) -> dict[str, float | int]:
    """The lowest and the median correlation of two ways' maps, and the images of which only one way has a map."""
    varied = [(one.std() > 0, other.std() > 0) for one, other in zip(first, second)]
    found = [
        np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other, both in zip(first, second, varied) if all(both)
    ]
    differ = sum(one != other for one, other in varied)
    return {"correlation": float(np.min(found)), "median_correlation": float(np.median(found)), "differ": int(differ)}


@click.command()
@click.option("--images", default=64, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(images: int, repeats: int) -> None:
    """Prints each way's time and how many times as long as one batch call of ours it takes."""
    tables = [measure(name, side, images, repeats) for name, side in (("CNN", 128), ("MobileNetV2-0.35", 224))]
    for table in tables:
        click.echo(f"{table['model']}, {table['image_size']} px, {images} images")
        for way, row in table["ways"].items():
            click.echo(
                f"  {way:26} {np.median(row['seconds']):7.2f} s  {row['ratio']:6.1f} x  "
                f"({min(row['ratios']):.1f} to {max(row['ratios']):.1f})   first {row['first_seconds']:6.1f} s   "
                f"correlation {row['correlation']:.4f} at least"
            )
    import importlib.metadata

    versions = {"tf-keras-vis": importlib.metadata.version("tf-keras-vis")}
    write_json(RESULTS, {"environment": environment(), "peers": versions, "ways": WAYS, "models": tables})


if __name__ == "__main__":
    main()
