"""Unreadable files are met at the start; decoded images are kept within a budget, in memory or on disk."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.image_cache import ImageCache
from braintumor_tf.errors import DatasetError
from tests.augment.conftest import write_folder

SIZE = (24, 20)
BAD = ("glioma/empty.png", "glioma/text.jpg", "pituitary/0.png")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A folder with an empty file, a text and a truncated picture."""
    root = write_folder(tmp_path / "data", per_class=4)
    (root / BAD[0]).write_bytes(b"")
    (root / BAD[1]).write_text("no picture")
    whole = (root / BAD[2]).read_bytes()
    (root / BAD[2]).write_bytes(whole[: len(whole) // 2])
    return root


def flow(root: Path, **arguments: Any) -> Any:
    return ImageDataGenerator(**arguments).flow_from_directory(str(root), SIZE, batch_size=4, shuffle=False)


@pytest.mark.parametrize("cache", [True, False])
def test_unreadable_files_are_refused_at_the_start_with_their_list(damaged: Path, cache: bool) -> None:
    with pytest.raises(DatasetError) as caught:
        flow(damaged, cache=cache)
    message = str(caught.value)
    assert "3 of 14" in message and "\n" not in message
    assert all(name in message for name in BAD)


@pytest.mark.parametrize("cache", [True, False])
def test_unreadable_files_are_skipped_with_a_count(damaged: Path, cache: bool) -> None:
    with pytest.warns(UserWarning, match="left out 3 of 14"):
        skipping = flow(damaged, cache=cache, on_error="skip")
    assert [Path(path).relative_to(damaged).as_posix() for path, _ in skipping.skipped] == list(BAD)
    for name in BAD:
        (damaged / name).unlink()
    clean = flow(damaged)
    assert skipping.filenames == clean.filenames and skipping.filepaths == clean.filepaths
    assert (skipping.n, skipping.samples, len(skipping)) == (11, 11, 3)
    for index in range(3):
        assert all(np.array_equal(a, b) for a, b in zip(skipping[index], clean[index], strict=True))


def test_a_table_loses_the_targets_and_weights_of_skipped_files(damaged: Path) -> None:
    paths = sorted(path.relative_to(damaged).as_posix() for path in damaged.rglob("*.*"))
    frame = pd.DataFrame({"filename": paths, "age": np.arange(len(paths)), "weight": np.arange(len(paths)) / 10})
    frame["class"] = [path.split("/")[0] for path in paths]
    left = ~frame["filename"].isin(BAD)
    for mode, column in (("raw", "age"), ("multi_output", ["age", "weight"]), ("sparse", "class")):
        with pytest.warns(UserWarning, match="left out"):
            skipping = ImageDataGenerator(on_error="skip").flow_from_dataframe(
                frame, str(damaged), y_col=column, weight_col="weight", class_mode=mode, target_size=SIZE, shuffle=False
            )
        _, targets, weights = skipping[0]
        assert weights.tolist() == frame["weight"][left].tolist()
        if mode == "raw":
            assert targets.tolist() == frame["age"][left].tolist()
        elif mode == "multi_output":
            assert targets[0].tolist() == frame["age"][left].tolist()
        else:
            assert len(targets) == len(skipping.classes) == left.sum()


def test_nothing_readable_and_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(DatasetError, match="no images"):
        flow(tmp_path)
    (tmp_path / "a" / "1.png").write_bytes(b"x")
    with pytest.raises(DatasetError, match="1 of 1"):
        flow(tmp_path, on_error="skip")


def test_no_file_is_decoded_after_the_start(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "data")
    kept = flow(root)
    expected = [flow(root, cache=False)[index][0].copy() for index in range(5)]
    shutil.rmtree(root)
    for _ in range(2):
        assert all(np.array_equal(kept[index][0], expected[index]) for index in range(5))
        kept.on_epoch_end()


def test_without_a_cache_files_are_decoded_each_time(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder, tmp_path / "data")
    kept, anew = flow(root), flow(root, cache=False)
    before = [kept[index][0].copy() for index in range(5)]
    for level in (30, 60):
        for path in kept.filepaths:
            Image.new("L", (9, 9), level).save(path, format="PNG")
        for index in range(5):
            assert (anew[index][0] == level).all() and np.array_equal(kept[index][0], before[index])


@pytest.mark.parametrize("budget", [0, 1500, 5000, 10**9])
def test_memory_stays_within_the_budget_and_the_rest_goes_to_disk(folder: Path, budget: int) -> None:
    limited, free = flow(folder, cache=budget), flow(folder)
    report = limited.memory_report()
    everything = free.memory_report()["images_in_memory"]
    assert report["images_in_memory"] <= budget
    assert (report["images_on_disk"] > 0) == (budget < everything)
    for index in range(len(free)):
        assert np.array_equal(limited[index][0], free[index][0])


def test_grey_pictures_take_a_third(folder: Path) -> None:
    sizes = [flow(folder, grey=grey).memory_report()["images_in_memory"] for grey in (True, None, False)]
    plane = SIZE[0] * SIZE[1]
    assert sizes == [18 * plane, (12 + 6 * 3) * plane, 18 * 3 * plane]


def test_the_file_lies_where_it_is_told_and_goes_with_the_iterator(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "kept" / "here"
    images = flow(folder, cache=place)
    files = list(place.iterdir())
    assert len(files) == 1 and files[0].stat().st_size == images.memory_report()["images_on_disk"] > 0
    assert images.memory_report()["images_in_memory"] == 0
    del images
    gc.collect()
    assert not list(place.iterdir())


def test_cache_keeps_every_dtype_and_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [
        (rng.random(shape) * 255).astype(dtype)
        for shape in ((3, 5), (4, 2, 3), (1, 1))
        for dtype in (np.uint8, np.float32)
    ]
    for budget in (0, 40, 10**6):
        cache = ImageCache(len(arrays), memory_bytes=budget, folder=tmp_path)
        for number in reversed(range(len(arrays))):
            cache.put(number, arrays[number])
        cache.freeze()
        for number, array in enumerate(arrays):
            assert cache.get(number).dtype == array.dtype and np.array_equal(cache.get(number), array)
        if budget == 0:
            assert all(isinstance(cache.get(number).base, np.memmap) for number in range(len(arrays)))
            with pytest.raises(ValueError):
                cache.get(0)[...] = 0


def test_a_full_disk_is_one_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(DatasetError, match="No space left on device; make room"):
        flow(folder, cache=tmp_path)
    gc.collect()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".images"]
