"""Transfer learning the plain Keras way against this package: wall time until the same validation score.

    KERAS_HOME=directory/with/models python benchmarks/training.py FOLDER

Both train MobileNetV2 from the same ImageNet weights on the same images, cut by group, with the same augmentation,
batch and image size. The plain way is that of Keras's own guide: its ImageDataGenerator, the head on a frozen backbone
by Adam, then everything unfrozen at its lower rate with batch normalisation in inference mode. Ours is the preset
``transfer``. After every epoch both predict the same validation images; that time counts too. The score to
reach is the best that the plain way ever had. Each way runs in a process of its own, in turn, once for each seed.
"""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from braintumor_tf.files import write_json
from braintumor_tf.identity import load
from braintumor_tf.leakage import group, split
from braintumor_tf.runs import environment
from braintumor_tf.training.presets import AUGMENTATION

RESULTS = Path(__file__).parent / "results" / "training.json"


def plain(manifest: pd.DataFrame, setting: dict[str, Any], seed: int) -> list[dict[str, float]]:
    """Keras's guide to transfer learning; returns seconds since the start and validation macro-F1 after every epoch."""
    import keras
    from sklearn.metrics import f1_score

    from braintumor_tf.augment.keras_compat import KerasImageDataGenerator

    keras.utils.set_random_seed(seed)
    size, classes = (setting["image_size"],) * 2, sorted(manifest["label"].unique())
    prepare = keras.applications.mobilenet_v2.preprocess_input
    common = {"x_col": "path", "y_col": "label", "classes": classes, "target_size": size, "batch_size": 32}
    curve: list[dict[str, float]] = []
    started = time.perf_counter()
    train = KerasImageDataGenerator(preprocessing_function=prepare, **AUGMENTATION).flow_from_dataframe(
        manifest[manifest["split"] == "train"], seed=seed, **common
    )
    validation = KerasImageDataGenerator(preprocessing_function=prepare).flow_from_dataframe(
        manifest[manifest["split"] == "validation"], shuffle=False, **common
    )
    # no input_shape: with one, Keras asks for weights of that very size, and ours takes those of 224 pixels
    backbone = keras.applications.MobileNetV2(alpha=setting["width"], include_top=False, weights="imagenet")
    inputs = keras.Input((*size, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(inputs, training=False))
    outputs = keras.layers.Dense(len(classes), activation="softmax")(keras.layers.Dropout(0.5)(x))
    model = keras.Model(inputs, outputs)

    def note(epoch: int, logs: dict[str, float]) -> None:
        predicted = model.predict(validation, verbose=0).argmax(axis=1)
        score = f1_score(validation.classes, predicted, average="macro")
        curve.append({"seconds": time.perf_counter() - started, "macro_f1": float(score), "stage": stage})

    for stage, rate in (("head", 1e-3), ("fine_tuning", setting["plain_rate"])):
        backbone.trainable = stage == "fine_tuning"
        model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
        epochs = setting[f"plain_{stage}"]
        model.fit(train, epochs=epochs, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=note)])
    return curve


def ours(manifest: pd.DataFrame, setting: dict[str, Any], seed: int) -> list[dict[str, float]]:
    """`build` and `fit` with the preset ``transfer``; returns the same curve."""
    import keras

    from braintumor_tf.models import build
    from braintumor_tf.training import fit

    curve: list[dict[str, float]] = []
    started = time.perf_counter()

    def note(epoch: int, logs: dict[str, float]) -> None:
        curve.append({"seconds": time.perf_counter() - started, "macro_f1": float(logs["val_macro_f1"])})

    classes = sorted(manifest["label"].unique())
    name = "MobileNetV2" if setting["width"] == 1 else f"MobileNetV2-{setting['width']:g}"
    model = build(name, classes=classes, image_size=setting["image_size"], weights="imagenet", seed=seed)
    follow = keras.callbacks.LambdaCallback(on_epoch_end=note)
    history = fit(model, manifest, preset="transfer", seed=seed, show_progress=False, callbacks=[follow]).history
    return [{**point, "stage": stage} for point, stage in zip(curve, history["stage"])]


def _measured(work: Any, manifest: pd.DataFrame, setting: dict[str, Any], seed: int) -> list[dict[str, float]]:
    """Runs one way in a fresh process, so that neither finds the other's memory, caches or settings."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (manifest, setting, seed))


def _reached(curve: list[dict[str, float]], score: float) -> float:
    """Seconds until a validation score was first reached; infinite if it never was."""
    return next((point["seconds"] for point in curve if point["macro_f1"] >= score), float("inf"))


@click.command()
@click.argument("folder")
@click.option("--image-size", default=128, show_default=True, help="Side in pixels.")
@click.option("--width", default=0.35, show_default=True, help="Width multiplier of MobileNetV2.")
@click.option("--seeds", default=3, show_default=True, help="Repeats, each with a seed of its own.")
@click.option("--plain-head", default=5, show_default=True, help="Epochs of the plain way on the frozen backbone.")
@click.option("--plain-fine-tuning", default=15, show_default=True, help="Epochs of the plain way, unfrozen.")
@click.option("--plain-rate", default=1e-5, show_default=True, help="Learning rate of the plain way, unfrozen.")
def main(folder: str, seeds: int, **setting: Any) -> None:
    """Times both ways in turn and prints the ratio of their times to the plain way's best validation score."""
    manifest = split(group(load(folder).manifest), "grouped", seed=0)
    runs = []
    for seed in range(seeds):
        curves = {way.__name__: _measured(way, manifest, setting, seed) for way in (plain, ours)}
        target = max(point["macro_f1"] for point in curves["plain"])
        seconds = {name: _reached(curve, target) for name, curve in curves.items()}
        best = {name: max(point["macro_f1"] for point in curve) for name, curve in curves.items()}
        total = {name: curve[-1]["seconds"] for name, curve in curves.items()}
        ratio = seconds["plain"] / seconds["ours"]
        runs.append({"seed": seed, "target": target, "seconds": seconds, "best": best, "total": total, "ratio": ratio})
        runs[-1]["curves"] = curves
        click.echo(
            f"seed {seed}: validation macro-F1 {target:.3f} after {seconds['plain']:.0f} s plain, "
            f"{seconds['ours']:.0f} s ours, {ratio:.1f} x; "
            f"best {best['plain']:.3f} in {total['plain']:.0f} s, {best['ours']:.3f} in {total['ours']:.0f} s"
        )
    ratios = np.array([run["ratio"] for run in runs])
    click.echo(f"time to the same score: {np.median(ratios):.1f} x ({ratios.min():.1f} to {ratios.max():.1f})")
    images = int((manifest["split"] == "train").sum())
    write_json(RESULTS, {"images": images, "setting": setting, "environment": environment(), "runs": runs})


if __name__ == "__main__":
    main()
