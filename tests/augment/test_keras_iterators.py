"""The iterators: Keras's arguments, Keras's batches where nothing is augmented, targets, weights, subsets."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment import GaussianNoise, ImageDataGenerator, NoiseError
from braintumor_tf.augment.keras_compat import KerasDirectoryIterator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator as Stock
from braintumor_tf.errors import DatasetError
from tests.augment.conftest import smooth_image

METHODS = ("__init__", "flow", "flow_from_directory", "flow_from_dataframe")
SIZE = (24, 20)


def same(ours: Any, theirs: Any) -> None:
    """Compares batches of any structure: the same types of container, shapes, dtypes and values."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, type(theirs)) and len(ours) == len(theirs)
        for part, other in zip(ours, theirs, strict=True):
            same(part, other)
        return
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if theirs.dtype == object:
        assert ours.tolist() == theirs.tolist()
    else:
        assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_arguments_keep_their_names_places_and_defaults(method: str) -> None:
    theirs = inspect.signature(getattr(Stock, method)).parameters.values()
    theirs = [parameter for parameter in theirs if parameter.kind != parameter.VAR_KEYWORD]
    ours = list(inspect.signature(getattr(ImageDataGenerator, method)).parameters.values())
    for parameter, other in zip(ours, theirs, strict=False):
        assert (parameter.name, parameter.default) == (other.name, other.default)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"class_mode": "sparse"},
        {"class_mode": "input"},
        {"class_mode": None},
        {"interpolation": "bilinear"},
        {"interpolation": "lanczos", "keep_aspect_ratio": True},
        {"classes": ["pituitary", "glioma"], "class_mode": "binary"},
        {"batch_size": 50},
    ],
    ids=str,
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_folder_without_augmentation_gives_what_keras_gives(folder: Path, options: dict, data_format: str) -> None:
    options = {"batch_size": 5, **options}
    flows = [
        kind(data_format=data_format, rescale=1 / 255).flow_from_directory(
            str(folder), target_size=SIZE, shuffle=False, **options
        )
        for kind in (Stock, ImageDataGenerator)
    ]
    theirs, ours = flows
    assert isinstance(ours, KerasDirectoryIterator)
    for name in ("samples", "n", "num_classes", "class_indices", "filenames", "filepaths", "image_shape", "batch_size"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert np.array_equal(ours.classes, theirs.classes) and np.array_equal(ours.labels, theirs.labels)
    assert len(ours) == len(theirs)
    for index in range(len(theirs)):
        same(ours[index], theirs[index])
    same(next(ours), next(theirs))


def table(folder: Path) -> pd.DataFrame:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    frame = pd.DataFrame({"filename": paths, "class": [path.split("/")[0] for path in paths]})
    frame["weight"] = np.linspace(0, 1, len(frame))
    frame["age"] = np.arange(len(frame)) * 1.5
    frame["both"] = [["glioma", "none"] if index % 2 else ["none"] for index in range(len(frame))]
    return frame


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_mode": "sparse", "weight_col": "weight"},
        {"class_mode": "raw", "y_col": "age"},
        {"class_mode": "raw", "y_col": ["age", "weight"]},
        {"class_mode": "multi_output", "y_col": ["age", "weight"]},
        {"class_mode": "categorical", "y_col": "both"},
        {"class_mode": "categorical", "classes": ["none", "glioma"]},
        {"class_mode": None},
        {"class_mode": "input", "color_mode": "grayscale"},
    ],
    ids=str,
)
def test_table_without_augmentation_gives_what_keras_gives(folder: Path, options: dict) -> None:
    theirs, ours = (
        kind().flow_from_dataframe(table(folder), str(folder), target_size=SIZE, batch_size=4, shuffle=False, **options)
        for kind in (Stock, ImageDataGenerator)
    )
    assert ours.filenames == theirs.filenames and len(ours) == len(theirs)
    for index in range(len(theirs)):
        same(ours[index], theirs[index])


def test_table_with_missing_files_and_old_arguments(folder: Path) -> None:
    frame = table(folder)
    frame.loc[3, "filename"] = "glioma/absent.png"
    with pytest.warns(UserWarning, match=r"1 invalid image filename.*absent\.png \(no such file\)"):
        flow = ImageDataGenerator().flow_from_dataframe(frame, str(folder), target_size=SIZE)
    assert flow.n == len(frame) - 1
    flow = ImageDataGenerator().flow_from_dataframe(frame, str(folder), target_size=SIZE, validate_filenames=False)
    with pytest.raises(DatasetError, match=r"absent\.png"):
        flow.read_files()
    with pytest.warns(DeprecationWarning, match="has_ext"):
        ImageDataGenerator().flow_from_dataframe(table(folder), str(folder), target_size=SIZE, has_ext=True)
    with pytest.raises(TypeError, match="bogus"):
        ImageDataGenerator().flow_from_dataframe(table(folder), str(folder), bogus=1)


@pytest.mark.parametrize("stored", [np.uint8, np.float32, np.float64])
def test_arrays_with_targets_weights_and_more_inputs(stored: type) -> None:
    x = np.rint(np.stack([smooth_image(seed, 8, 9) for seed in range(10)])).astype(stored)
    y, weights, other = np.arange(10), np.linspace(0, 1, 10), np.arange(20).reshape(10, 2)
    for arguments in (
        {"x": x},
        {"x": x, "y": y},
        {"x": x, "y": np.eye(10), "sample_weight": weights},
        {"x": (x, other), "y": y},
        {"x": [x, [other, weights]], "y": y, "sample_weight": weights},
    ):
        theirs, ours = (kind().flow(**arguments, batch_size=4, shuffle=False) for kind in (Stock, ImageDataGenerator))
        for index in range(3):
            same(ours[index], theirs[index])
    assert ours.x.dtype == (np.uint8 if stored == np.uint8 else np.float32)


def test_grey_settings(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    picture = Image.fromarray(smooth_image(0, *SIZE).astype(np.uint8))
    picture.save(tmp_path / "a" / "colour.png")
    luma = np.asarray(picture.convert("L"), np.float32)

    def first(**arguments: Any) -> np.ndarray:
        mode = arguments.pop("color_mode", "rgb")
        generator = ImageDataGenerator(**arguments)
        return generator.flow_from_directory(str(tmp_path), SIZE, mode, class_mode=None, seed=0)[0][0]

    assert np.array_equal(first(), np.asarray(picture, np.float32))
    assert np.array_equal(first(grey=True), np.repeat(luma[..., None], 3, axis=2))
    assert np.array_equal(first(grey=True, color_mode="grayscale"), luma[..., None])
    assert np.array_equal(first(color_mode="grayscale"), luma[..., None])
    array = np.asarray(picture)[None]
    from_array = ImageDataGenerator(grey=True).flow(array, shuffle=False)[0][0]
    assert np.abs(from_array - first(grey=True)).max() < 1 and np.ptp(from_array, axis=2).max() == 0

    picture.convert("L").save(tmp_path / "a" / "colour.png")
    same_noise = first(noise=GaussianNoise(20))
    assert np.ptp(same_noise, axis=2).max() == 0
    assert np.ptp(first(noise=GaussianNoise(20), grey=False), axis=2).max() > 5
    assert np.ptp(first(noise=GaussianNoise(20, per_channel=True)), axis=2).max() > 5


@pytest.mark.parametrize("flow", ["array", "folder", "table"])
def test_validation_is_clean_and_training_is_not(folder: Path, flow: str) -> None:
    x = np.stack([np.full((24, 20, 3), 40 + 5 * index, np.uint8) for index in range(18)])
    changes = {
        "rotation_range": 40,
        "horizontal_flip": True,
        "noise": GaussianNoise((10, 20)),
        "brightness_range": (0.5, 0.9),
    }

    def batch(generator: Any, subset: str) -> np.ndarray:
        if flow == "array":
            return generator.flow(x, subset=subset, shuffle=False, batch_size=20)[0]
        options = {"target_size": SIZE, "subset": subset, "shuffle": False, "class_mode": None, "batch_size": 20}
        if flow == "folder":
            return generator.flow_from_directory(str(folder), **options)[0]
        return generator.flow_from_dataframe(table(folder), str(folder), **options)[0]

    augmented, plain = ImageDataGenerator(**changes, validation_split=0.34), Stock(validation_split=0.34)
    same(batch(augmented, "validation"), batch(plain, "validation"))
    training, untouched = batch(augmented, "training"), batch(plain, "training")
    assert training.shape == untouched.shape
    assert all(np.abs(image - original).mean() > 2 for image, original in zip(training, untouched, strict=True))


def test_preprocessing_function_gets_one_float32_image_in_0_to_255_after_noise(folder: Path) -> None:
    seen: list[np.ndarray] = []

    def keep(image: np.ndarray) -> np.ndarray:
        seen.append(image)
        return image / 2

    generator = ImageDataGenerator(preprocessing_function=keep, rotation_range=30, noise=GaussianNoise(20), rescale=0.1)
    flow = generator.flow_from_directory(str(folder), SIZE, class_mode=None, batch_size=18, seed=0)
    flow.threads = 1
    batch = flow[0]
    assert {(image.shape, image.dtype.name) for image in seen} == {((*SIZE, 3), "float32")}
    assert 100 < max(image.max() for image in seen) <= 255
    assert np.allclose(np.stack(seen) * 0.05, batch)  # each still holds its own image


def test_a_subclass_with_its_own_methods_is_used(folder: Path) -> None:
    class Mine(ImageDataGenerator):
        def get_random_transform(self, img_shape: tuple, seed: int | None = None) -> dict:
            return {"flip_horizontal": True, "noise": None}

        def standardize(self, x: np.ndarray) -> np.ndarray:
            return x + 1000

    ours = Mine().flow_from_directory(str(folder), SIZE, class_mode=None, shuffle=False)[0]
    plain = Stock().flow_from_directory(str(folder), SIZE, class_mode=None, shuffle=False)[0]
    assert np.allclose(ours, plain[:, :, ::-1] + 1000)


def test_save_to_dir(folder: Path, tmp_path: Path) -> None:
    flow = ImageDataGenerator().flow_from_directory(
        str(folder), SIZE, batch_size=4, save_to_dir=str(tmp_path), save_prefix="seen", save_format="jpeg", seed=1
    )
    flow[0]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 4 and all(name.startswith("seen_") and name.endswith(".jpeg") for name in files)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"fill_mode": "mirror"}, ValueError),
        ({"on_error": "ignore"}, ValueError),
        ({"cache": -1}, ValueError),
        ({"noise": 20}, NoiseError),
        ({"noise": [GaussianNoise()]}, NoiseError),
        ({"zoom_range": [1]}, ValueError),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        ImageDataGenerator(**arguments)


def test_noise_on_arrays_in_0_to_1_is_refused() -> None:
    with pytest.raises(NoiseError, match=r"0\.\.255"):
        ImageDataGenerator(noise=GaussianNoise()).flow(np.random.default_rng(0).random((2, 4, 4, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageDataGenerator().flow(np.random.default_rng(0).random((2, 4, 4, 1)))
