"""Shuffled batches: every image keeps its target, its weight and its other inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment import ImageDataGenerator

CLASSES = ("glioma", "none", "pituitary")
COUNT = 15


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Pictures whose grey level is ten times their number, and the table that says what belongs to each number."""
    root, rows = tmp_path_factory.mktemp("told"), []
    for number in range(COUNT):
        label = CLASSES[number * 7 % 3]
        (root / label).mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5), 10 * number, np.uint8)).save(root / label / f"{COUNT - number:02d}.png")
        rows.append((f"{label}/{COUNT - number:02d}.png", label, number * 1.5, number / 8))
    return root, pd.DataFrame(rows, columns=["filename", "class", "age", "weight"])


def number_of(batch: np.ndarray) -> np.ndarray:
    """Which pictures are in a batch, by their pixels alone."""
    return np.rint(batch.mean(axis=(1, 2, 3)) / 10).astype(int)


def passes(flow: Any) -> list[tuple[np.ndarray, ...]]:
    """Two passes over a shuffled iterator; every picture comes once in each, and not in the files' order."""
    found = [next(flow) for _ in range(2 * len(flow))]
    seen = [np.concatenate([number_of(batch[0]) for batch in found[start : start + len(flow)]]).tolist()
            for start in (0, len(flow))]  # fmt: skip
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(COUNT)) and seen[0] != seen[1]
    return found


@pytest.mark.parametrize("mode", ["categorical", "sparse"])
def test_a_folder(told: tuple, mode: str) -> None:
    root, table = told
    flow = ImageDataGenerator(seed=1).flow_from_directory(str(root), (4, 5), batch_size=4, class_mode=mode)
    assert flow.class_indices == {name: place for place, name in enumerate(CLASSES)}
    for batch, targets in passes(flow):
        expected = [CLASSES.index(table["class"][number]) for number in number_of(batch)]
        assert (targets.argmax(axis=1) if mode == "categorical" else targets).tolist() == expected


@pytest.mark.parametrize(("mode", "column"), [("raw", "age"), ("multi_output", ["age", "weight"]), ("input", "age")])
def test_a_table_with_weights(told: tuple, mode: str, column: Any) -> None:
    root, table = told
    mixed = table.iloc[np.random.default_rng(0).permutation(COUNT)]
    flow = ImageDataGenerator(seed=1).flow_from_dataframe(
        mixed, str(root), y_col=column, weight_col="weight", class_mode=mode, target_size=(4, 5), batch_size=4
    )
    for batch, targets, weights in passes(flow):
        rows = table.iloc[number_of(batch)]
        assert weights.tolist() == rows["weight"].tolist()
        if mode == "raw":
            assert targets.tolist() == rows["age"].tolist()
        elif mode == "input":
            np.testing.assert_array_equal(targets, batch)
        else:
            assert [part.tolist() for part in targets] == [rows["age"].tolist(), rows["weight"].tolist()]


def test_an_array_with_weights_and_another_input() -> None:
    images = np.repeat(10 * np.arange(COUNT, dtype=np.uint8), 20).reshape(COUNT, 4, 5, 1)
    other, y, weights = np.arange(COUNT) * 2, np.arange(COUNT) * 3, np.arange(COUNT) / 8
    flow = ImageDataGenerator(seed=1).flow((images, other), y, sample_weight=weights, batch_size=4)
    for (batch, beside), targets, shares in [next(flow) for _ in range(2 * len(flow))]:
        numbers = number_of(batch)
        assert (beside.tolist(), targets.tolist()) == ((2 * numbers).tolist(), (3 * numbers).tolist())
        assert shares.tolist() == (numbers / 8).tolist()


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_a_subset(subset: str) -> None:
    images = np.repeat(10 * np.arange(COUNT, dtype=np.uint8), 20).reshape(COUNT, 4, 5, 1)
    flow = ImageDataGenerator(seed=1, validation_split=0.2).flow(
        images, np.arange(COUNT) % 2, batch_size=4, subset=subset, ignore_class_split=True
    )
    first = COUNT // 5  # as in Keras, the first share is for validation
    expected = range(first) if subset == "validation" else range(first, COUNT)
    pairs = [(number_of(batch), targets) for batch, targets in (next(flow) for _ in range(len(flow)))]
    assert sorted(np.concatenate([numbers for numbers, _ in pairs])) == list(expected)
    assert all((numbers % 2 == targets).all() for numbers, targets in pairs)
