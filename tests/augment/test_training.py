"""In Keras: fit, evaluate and predict with workers, `tf.data`, the JAX backend, a notebook written for stock Keras."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from nbclient import NotebookClient

from braintumor_tf.augment import GaussianNoise, ImageDataGenerator
from tests.augment.conftest import smooth_image, write_folder

NOTEBOOK = Path(__file__).parent / "public_style_notebook.ipynb"
STOCK_IMPORT = "from tensorflow.keras.preprocessing.image import ImageDataGenerator"
OUR_IMPORT = "from braintumor_tf.augment import ImageDataGenerator"
REPOSITORY = Path(__file__).resolve().parents[2]


def make(folder: Path, **options: Any) -> Any:
    generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255, noise=GaussianNoise())
    return generator.flow_from_directory(str(folder), (16, 16), batch_size=4, seed=1, **options)


def small_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_fit_gives_the_same_weights_with_any_number_of_workers(folder: Path) -> None:
    weights = []
    for workers in (1, 2, 4):
        flow, model = make(folder), small_model()
        flow.workers = workers
        model.fit(flow, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for others in weights[1:]:
        assert all(np.array_equal(one, other) for one, other in zip(weights[0], others, strict=True))


def test_fit_sees_each_image_once_an_epoch_and_new_batches_in_the_next(folder: Path) -> None:
    asked: list[tuple[int, int]] = []

    class Counting(type(make(folder))):
        def batch(self, index: int, epoch: int | None = None) -> Any:
            asked.append((self.epoch if epoch is None else epoch, index))
            return super().batch(index, epoch)

    flow = make(folder)
    flow.__class__ = Counting
    small_model().fit(flow, epochs=3, verbose=0)
    epochs = sorted({epoch for epoch, _ in asked})
    complete = [epoch for epoch in epochs if {index for one, index in asked if one == epoch} == set(range(len(flow)))]
    assert len(complete) == 3


def test_predict_with_workers_is_in_the_order_of_filenames(folder: Path) -> None:
    model = small_model()
    generator = ImageDataGenerator(rescale=1 / 255)
    flow = generator.flow_from_directory(str(folder), (16, 16), batch_size=4, shuffle=False)
    expected = model.predict(np.concatenate([flow[index][0] for index in range(len(flow))]), verbose=0)
    for workers in (1, 3):
        flow.workers = workers
        flow.reset()
        assert np.allclose(model.predict(flow, verbose=0), expected, atol=1e-6)
        assert model.evaluate(flow, verbose=0)[1] == pytest.approx((expected.argmax(1) == flow.classes).mean())


@pytest.mark.parametrize(
    "options", [{}, {"class_mode": None}, {"class_mode": "input"}, {"color_mode": "grayscale"}], ids=str
)
def test_to_dataset_gives_the_same_batches_epoch_by_epoch(folder: Path, options: dict) -> None:
    flow = make(folder, **options)
    dataset = flow.to_dataset()
    assert int(dataset.cardinality()) == len(flow) == 5
    for epoch in range(2):
        batches = list(dataset.as_numpy_iterator())
        for index, batch in enumerate(batches):
            tf.nest.map_structure(np.testing.assert_array_equal, batch, flow.batch(index, epoch))
        assert len(batches) == 5
    if not options:
        small_model().fit(flow.to_dataset(), epochs=2, verbose=0)


def test_to_dataset_with_several_inputs_and_weights() -> None:
    images = np.stack([smooth_image(seed, 8, 8) for seed in range(6)])
    flow = ImageDataGenerator(seed=0).flow((images, np.arange(6)), np.arange(6), sample_weight=np.ones(6), batch_size=4)
    (x, other), y, weights = next(iter(flow.to_dataset().as_numpy_iterator()))
    (expected, expected_other), expected_y, _ = flow.batch(0, 0)
    assert np.array_equal(x, expected) and np.array_equal(other, expected_other) and np.array_equal(y, expected_y)
    assert weights.shape == (4,)


def run_python(code: str, *arguments: str, **environment: str) -> str:
    paths = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


BATCHES = """
import hashlib, json, sys
import keras, numpy as np
from braintumor_tf.augment import GaussianNoise, ImageDataGenerator
generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255, noise=GaussianNoise())
flow = generator.flow_from_directory(sys.argv[1], (16, 16), batch_size=4, seed=1)
digest = hashlib.md5(b"".join(flow.batch(index, 0)[0].tobytes() for index in range(len(flow)))).hexdigest()
layers = [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
model = keras.Sequential(layers)
model.compile("sgd", "categorical_crossentropy")
flow.workers = 2
history = model.fit(flow, epochs=2, verbose=0).history
shape = model.predict(flow, verbose=0).shape
print(json.dumps([keras.backend.backend(), "tensorflow" in sys.modules, digest, len(history["loss"]), list(shape)]))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_on_the_jax_backend_without_tensorflow_the_batches_are_the_same(folder: Path) -> None:
    flow = make(folder)
    digest = hashlib.md5(b"".join(flow.batch(index, 0)[0].tobytes() for index in range(len(flow)))).hexdigest()
    result = json.loads(run_python(BATCHES, str(folder), KERAS_BACKEND="jax"))
    assert result == ["jax", False, digest, 2, [18, 3]]


@pytest.mark.parametrize("imported", [STOCK_IMPORT, OUR_IMPORT], ids=["stock", "ours"])
def test_a_notebook_written_for_stock_keras_runs_after_the_import_is_swapped(imported: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "data" / "train", per_class=8)
    write_folder(tmp_path / "data" / "test", per_class=4)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells)
    assert code.count(STOCK_IMPORT) == 1 and "braintumor_tf" not in code
    for cell in notebook.cells:
        cell.source = cell.source.replace(STOCK_IMPORT, imported)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    printed = "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))
    assert "finished: 12 predictions, 3 classes" in printed
