"""Files that Keras's iterators pass over are named; files that are read late; and other places where Keras is left."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment import DataFrameIterator, ImageDataGenerator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator
from braintumor_tf.errors import DatasetError
from tests.augment.test_keras_iterators import SIZE, table


@pytest.fixture
def mixed(folder: Path, tmp_path: Path) -> Path:
    """Class folders with files that Keras reads, files that it does not, and pictures beside the class folders."""
    root = shutil.copytree(folder, tmp_path / "data")
    for name in ("glioma/a.webp", "glioma/deep/b.gif", "none/notes.txt", "none/.hidden.webp", "top.png", "top.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes((root / "glioma" / "0.png").read_bytes())
    return root


def flow(root: Path, **options: Any) -> Any:
    return ImageDataGenerator(**options).flow_from_directory(str(root), SIZE, batch_size=4, shuffle=False)


def test_a_folder_names_files_that_it_leaves_out(folder: Path, mixed: Path) -> None:
    with pytest.warns(UserWarning, match="4 files in .* are left out") as caught:
        assert flow(mixed).samples == 18
    text = str(caught[0].message)
    assert all(name in text for name in ("a.webp", "b.gif", "notes.txt", "top.png"))
    assert ".hidden" not in text and "top.csv" not in text and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow(folder)


def test_a_table_names_files_that_it_leaves_out(mixed: Path) -> None:
    names = ["glioma/0.png", "glioma/a.webp", *(f"no/{number}.png" for number in range(6))]
    frame = pd.DataFrame({"filename": names})
    with pytest.warns(UserWarning, match="7 invalid") as caught:
        flow = ImageDataGenerator().flow_from_dataframe(frame, str(mixed), class_mode=None, target_size=SIZE)
    text = str(caught[0].message)
    assert flow.filenames == ["glioma/0.png"] and caught[0].filename == __file__
    assert "a.webp (Keras reads png, jpg" in text and "no/0.png (no such file)" in text and "and 2 more" in text


def test_nothing_to_read_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no image files in the table") as caught:
        empty = ImageDataGenerator().flow_from_dataframe(table(folder)[:0], str(folder), target_size=SIZE)
    assert caught[0].filename == __file__ and len(empty) == 0 and next(empty)[0].shape == (0, *SIZE, 3)
    generator = ImageDataGenerator(validation_split=0.1)
    with pytest.warns(UserWarning, match="no image files in the validation subset"):
        assert len(generator.flow_from_directory(str(folder), SIZE, subset="validation")) == 0
    (tmp_path / "a").mkdir()
    with pytest.raises(DatasetError, match="no images in its class folders"):
        flow(tmp_path)


def test_files_read_late_are_kept_within_the_budget(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "data")
    options = {"target_size": SIZE, "shuffle": False, "batch_size": 6, "class_mode": None, "validate_filenames": False}
    image = 3 * SIZE[0] * SIZE[1]
    late, tight, never = (
        ImageDataGenerator(cache=cache, grey=False).flow_from_dataframe(table(root), str(root), **options)
        for cache in (True, 2 * image, False)
    )
    assert late.memory_report()["images_in_memory"] == 0
    first = [np.array(flow[0]) for flow in (late, tight, never)]
    assert np.array_equal(first[0], first[1]) and np.array_equal(first[0], first[2])
    used = [flow.memory_report()["images_in_memory"] for flow in (late, late, tight, never)]
    assert used == [6 * image, 6 * image, 2 * image, 0]
    for path in late.filepaths[:6]:
        Image.new("L", SIZE, 9).save(path, format="PNG")
    assert np.array_equal(late[0], first[0]) and (never[0] == 9).all()
    assert sum((image == 9).all() for image in tight[0]) == 4
    late.read_files()
    assert (late[0] == 9).all() and late.memory_report()["images_in_memory"] == 18 * image


def test_files_read_late_can_be_left_out_as_well(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "data")
    (root / "glioma" / "0.png").write_text("no picture")
    options = {"target_size": SIZE, "validate_filenames": False}
    with pytest.warns(UserWarning, match="left out 1 of 18") as caught:
        skipping = ImageDataGenerator(on_error="skip").flow_from_dataframe(table(root), str(root), **options)
    assert skipping.n == 17 and caught[0].filename == __file__
    late = ImageDataGenerator().flow_from_dataframe(table(root), str(root), **options)
    with pytest.raises(DatasetError, match=r"1 of 18.*0\.png"):
        late.read_files()


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_weights_of_an_array_go_with_their_subset(subset: str) -> None:
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    options = {"sample_weight": np.arange(10) * 2, "subset": subset, "ignore_class_split": True}
    kinds = (ImageDataGenerator, KerasImageDataGenerator)
    ours, theirs = (
        kind(validation_split=0.3).flow(images, np.arange(10), shuffle=False, **options)[0] for kind in kinds
    )
    assert (ours[2] == 2 * ours[1]).all() and len(ours[2]) == (3 if subset == "validation" else 7)
    assert (theirs[2] == 2 * theirs[1]).all() == (subset == "validation")  # the fault, should Keras ever mend it


def test_what_is_refused_at_once(folder: Path) -> None:
    with pytest.raises(ValueError, match="interpolation='cubic'; give one of nearest"):
        ImageDataGenerator().flow_from_directory(str(folder), SIZE, interpolation="cubic")
    with pytest.raises(TypeError, match="give an ImageDataGenerator of braintumor_tf"):
        DataFrameIterator(table(folder), str(folder), KerasImageDataGenerator())
