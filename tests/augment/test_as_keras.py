"""Behaviours that the public tests of Keras's class ask for, run against Keras's classes and ours, side by side.

A behaviour returns all that it saw. Keras's answer is the expected one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment import DataFrameIterator, DirectoryIterator, ImageDataGenerator, NumpyArrayIterator
from braintumor_tf.augment import keras_compat as stock
from tests.augment.conftest import smooth_image
from tests.augment.test_keras_iterators import same

KERAS = SimpleNamespace(
    generator=stock.KerasImageDataGenerator,
    table=stock.KerasDataFrameIterator,
    folder=stock.KerasDirectoryIterator,
    array=stock.KerasNumpyArrayIterator,
)
OURS = SimpleNamespace(
    generator=ImageDataGenerator, table=DataFrameIterator, folder=DirectoryIterator, array=NumpyArrayIterator
)
COUNT, SIZE = 12, (9, 8)
BEHAVIOURS: list[Callable[[SimpleNamespace, Path], Any]] = []
ARRAY = np.stack([smooth_image(seed, 6, 5) for seed in range(COUNT)])


def behaviour(function: Callable[[SimpleNamespace, Path], Any]) -> Callable[[SimpleNamespace, Path], Any]:
    BEHAVIOURS.append(function)
    return function


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey, RGB and RGBA pictures in two class folders with folders below; and beside them a file that is none.

    The RGBA pictures are opaque: of transparent ones Keras shows the colours below (`tests/faults/test_pictures.py`).
    """
    root = tmp_path_factory.mktemp("as_keras")
    for number in range(COUNT):
        place = root / f"class-{number % 2}" / ("", "below", "below/again")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = smooth_image(number, 10, 9, 4).astype(np.uint8)
        pixels[..., 3] = 255
        Image.fromarray((pixels[..., 0], pixels[..., :3], pixels)[number % 3]).save(place / f"image-{number:02d}.png")
    (root / "class-0" / "image.fbd").write_bytes((root / "class-0" / "image-00.png").read_bytes())
    return root


def table(root: Path, **columns: Any) -> pd.DataFrame:
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    frame = pd.DataFrame({"filename": names, "class": [str(number % 2) for number in range(len(names))]})
    frame["weight"], frame["age"] = np.arange(COUNT) / 4, np.arange(COUNT) * 1.5
    return frame.assign(**columns)


def facts(flow: Any) -> tuple:
    """What a caller can see of an iterator, and all its batches in order."""
    names = ("n", "samples", "batch_size", "filenames", "target_size", "dtype", "class_indices", "num_classes")
    classes = getattr(flow, "classes", None)
    seen = [*(getattr(flow, name, None) for name in names), None if classes is None else list(classes)]
    return [*map(repr, seen)], len(flow), [flow[index] for index in range(len(flow))]


def refusal(call: Callable[[], Any], *kinds: type) -> str:
    """The kind of built-in error that a call raises."""
    try:
        call()
    except kinds as error:
        return next(kind.__name__ for kind in kinds if isinstance(error, kind))
    return "none"


def compare(ours: Any, theirs: Any) -> None:
    """Compares two answers of any structure."""
    if isinstance(theirs, np.ndarray):
        same(ours, theirs)
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            compare(one, other)
    elif isinstance(theirs, dict):
        compare(sorted(ours.items()), sorted(theirs.items()))
    else:
        assert ours == theirs


# === Tables ===


@behaviour
def table_without_a_generator(kind: SimpleNamespace, root: Path) -> Any:
    flow = kind.table(table(root), str(root), shuffle=False, target_size=SIZE, batch_size=5)
    return facts(flow), facts(kind.table(table(root), str(root), None, "filename", "age", "weight", SIZE, "grayscale",
                                         None, "raw", 4, False)), next(flow)  # fmt: skip


@behaviour
def table_that_is_not_validated(kind: SimpleNamespace, root: Path) -> Any:
    frame = pd.concat([table(root), pd.DataFrame({"filename": ["test.jpp", "test.jpg"], "class": ["0", "1"]})])
    flow = kind.generator().flow_from_dataframe(
        frame, str(root), class_mode="input", validate_filenames=False, shuffle=False, batch_size=6, target_size=SIZE
    )
    twice = [flow[0], flow[1], flow[0]]
    return flow.filenames, len(flow), twice, refusal(lambda: flow[2], FileNotFoundError)


@behaviour
def table_with_names_that_no_file_has(kind: SimpleNamespace, root: Path) -> Any:
    names = ["test.jpp", *table(root)["filename"], "class-0/image.fbd", "test.jpg"]
    flow = kind.generator().flow_from_dataframe(
        pd.DataFrame({"filename": names}), str(root), class_mode="input", shuffle=False, target_size=SIZE
    )
    return facts(flow)


@behaviour
def table_without_rows(kind: SimpleNamespace, root: Path) -> Any:
    absent = pd.DataFrame([["data/A.jpg", "A"], ["data/B.jpg", "B"]], columns=["filename", "class"])
    flows = [kind.generator().flow_from_dataframe(absent, classes=names, target_size=SIZE) for names in ("AB", "BA")]
    none = kind.generator().flow_from_dataframe(absent, class_mode=None, target_size=SIZE)
    return [facts(flow) for flow in (*flows, none)], refusal(lambda: none[0], ValueError), [next(none), next(none)]


@behaviour
def table_with_absolute_paths(kind: SimpleNamespace, root: Path) -> Any:
    frame = table(root)
    frame["path"] = [str(root / name) for name in frame["filename"]]
    frame.loc[COUNT] = ["", "0", 0.0, 0.0, "image-not-exist.png"]
    options = {"x_col": "path", "shuffle": False, "batch_size": 1, "target_size": SIZE}
    return [facts(kind.generator().flow_from_dataframe(frame, None, class_mode=mode, **options))
            for mode in (None, "binary", "sparse", "categorical")]  # fmt: skip


@behaviour
def table_in_parts(kind: SimpleNamespace, root: Path) -> Any:
    found = []
    for share in (0.25, 0.5, 0.75, 0.05):
        generator = kind.generator(validation_split=share)
        for subset in ("training", "validation"):
            flow = generator.flow_from_dataframe(
                table(root), str(root), subset=subset, shuffle=False, weight_col="weight", target_size=SIZE
            )
            found.append(facts(flow))
    wrong = {"subset": "foo", "target_size": SIZE}
    return found, refusal(lambda: generator.flow_from_dataframe(table(root), str(root), **wrong), ValueError)


@behaviour
def table_with_any_index(kind: SimpleNamespace, root: Path) -> Any:
    frame = table(root)
    indices = [np.arange(1, COUNT + 1), frame["filename"], np.zeros(COUNT, int), np.arange(COUNT)[::-1]]
    flows = [
        kind.generator().flow_from_dataframe(
            frame.set_axis(index), str(root), shuffle=False, class_mode="raw", y_col="age", target_size=SIZE
        )
        for index in indices
    ]
    return [facts(flow) for flow in flows]


@behaviour
def table_with_several_labels_a_picture(kind: SimpleNamespace, root: Path) -> Any:
    labels = [["b", "a"], "b", ["c"], "a", ("a", "b"), ["b"]] * 2
    given = [None, ["a", "c"], ["c", "b", "a", "c"]]
    flows = [
        kind.generator().flow_from_dataframe(
            table(root, **{"class": labels}), str(root), classes=classes, shuffle=False, target_size=SIZE
        )
        for classes in given
    ]
    return [facts(flow) for flow in flows]


@behaviour
def table_with_several_outputs(kind: SimpleNamespace, root: Path) -> Any:
    found = []
    for more in (np.arange(COUNT) / 3, [np.arange(4) + n for n in range(COUNT)], [np.ones((2, 2, 1))] * COUNT):
        frame = table(root, more=list(more))
        found.append(facts(kind.generator().flow_from_dataframe(
            frame, str(root), y_col=["age", "more"], class_mode="multi_output", shuffle=False, target_size=SIZE
        )))  # fmt: skip
    one = {"y_col": "age", "class_mode": "multi_output"}
    return found, refusal(lambda: kind.generator().flow_from_dataframe(table(root), str(root), **one), TypeError)


@behaviour
def table_with_weights(kind: SimpleNamespace, root: Path) -> Any:
    flow = kind.generator().flow_from_dataframe(
        table(root), str(root), y_col=None, shuffle=False, batch_size=5, weight_col="weight", class_mode="input"
    )
    images, targets, weights = next(flow)
    targets[0, 0, 0] += 1  # not the same array as the images
    text = {"weight_col": "class", "class_mode": "input"}
    return (
        images,
        targets,
        weights,
        refusal(lambda: kind.generator().flow_from_dataframe(table(root), str(root), **text), TypeError),
    )


@behaviour
def table_that_is_refused(kind: SimpleNamespace, root: Path) -> Any:
    def try_with(frame: pd.DataFrame, **options: Any) -> str:
        return refusal(lambda: kind.generator().flow_from_dataframe(frame, str(root), **options), TypeError, ValueError)

    numbers = table(root, **{"class": np.arange(COUNT) % 2})
    return (
        try_with(table(root), color_mode="cmyk"),
        try_with(table(root), class_mode="output"),
        try_with(table(root, filename=range(COUNT))),
        try_with(numbers),
        try_with(numbers, class_mode="sparse"),
        try_with(table(root, **{"class": list("abc") * 4}), class_mode="binary"),
        try_with(table(root), class_mode="binary", classes=["0"]),
        try_with(table(root), subset="training", class_mode="other", y_col="age"),
    )


# === Folders ===


@behaviour
def folder_without_a_generator(kind: SimpleNamespace, root: Path) -> Any:
    flow = kind.folder(str(root), None, SIZE, "rgba", None, "sparse", 5, False)
    return facts(flow), next(flow), next(flow)


@behaviour
def folder_in_every_mode(kind: SimpleNamespace, root: Path) -> Any:
    modes = ("categorical", "binary", "sparse", "input", None)
    options = {"shuffle": False, "target_size": SIZE, "classes": ["class-1", "class-0"]}
    flows = [kind.generator().flow_from_directory(str(root), class_mode=mode, **options) for mode in modes]
    wrong = ({"color_mode": "cmyk"}, {"class_mode": "output"}, {"class_mode": "raw"}, {"subset": "foo"})
    return [facts(flow) for flow in flows], [
        refusal(lambda more=more: kind.generator().flow_from_directory(str(root), **more), ValueError) for more in wrong
    ]


@behaviour
def folder_in_parts(kind: SimpleNamespace, root: Path) -> Any:
    return [
        facts(kind.generator(validation_split=share).flow_from_directory(
            str(root), subset=subset, shuffle=False, target_size=SIZE
        ))
        for share in (0.25, 0.4, 0.5, 0.1)
        for subset in ("training", "validation")
    ]  # fmt: skip


@behaviour
def folder_in_every_interpolation_and_colour(kind: SimpleNamespace, root: Path) -> Any:
    return [
        kind.generator().flow_from_directory(
            str(root), (5, 13), colour, shuffle=False, class_mode=None, interpolation=how, keep_aspect_ratio=keep
        )[0]
        for how in ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
        for colour in ("rgb", "rgba", "grayscale")
        for keep in (False, True)
    ]


@behaviour
def preprocessing_function_gets_arrays(kind: SimpleNamespace, root: Path) -> Any:
    seen = []

    def prepare(image: np.ndarray) -> np.ndarray:
        seen.append((image.shape, type(image), str(image.dtype)))
        return np.zeros_like(image)

    generator = kind.generator(preprocessing_function=prepare)
    flow = generator.flow_from_directory(str(root), SIZE, "rgb", batch_size=3, shuffle=False)
    return facts(flow), seen, refusal(lambda: flow[len(flow)], ValueError)


# === Arrays ===


@behaviour
def array_by_places(kind: SimpleNamespace, root: Path) -> Any:
    weights = np.arange(COUNT) + 1
    flow = kind.array(ARRAY, np.arange(COUNT), kind.generator(), 5, False, weights, 7, "channels_last", None, "", "png")
    return facts(flow), flow.seed, [next(flow) for _ in range(4)]


@behaviour
def array_in_other_types(kind: SimpleNamespace, root: Path) -> Any:
    generator = kind.generator()
    return [
        kind.array(ARRAY.astype(stored), None, generator, dtype=given)[0]
        for stored in ("uint8", "int64", "float64")
        for given in (None, "float64", "float32")
    ]


@behaviour
def array_with_more_inputs(kind: SimpleNamespace, root: Path) -> Any:
    one, two = np.arange(COUNT) / 3, np.ones((COUNT, 3, 3)) * np.arange(COUNT)[:, None, None]
    inputs = [(ARRAY, one), (ARRAY, [one, two]), [ARRAY, two]]
    generator = kind.generator(validation_split=0.25)
    parts = {"subset": "training", "shuffle": False, "batch_size": 4, "ignore_class_split": True}
    return [
        [kind.array(x, y, generator, batch_size=5)[2] for x in inputs for y in (None, np.arange(COUNT))],
        [facts(generator.flow(x, np.arange(COUNT), **parts)) for x in inputs],
    ]


@behaviour
def array_that_is_refused(kind: SimpleNamespace, root: Path) -> Any:
    generator = kind.generator(validation_split=0.5)
    labels = np.arange(COUNT) >= COUNT // 2

    def try_with(*given: Any, **options: Any) -> str:
        return refusal(lambda: generator.flow(*given, **options), ValueError)

    return (
        try_with((ARRAY, np.zeros(COUNT + 1)), np.arange(COUNT)),
        try_with(ARRAY, np.arange(COUNT + 1)),
        try_with(ARRAY, np.arange(COUNT), sample_weight=np.arange(3)),
        try_with(np.arange(5)),
        try_with(ARRAY, labels, subset="validation"),
        try_with(ARRAY, labels, subset="validation", ignore_class_split=True),
        try_with(ARRAY, labels, subset="foo"),
        refusal(lambda: kind.generator(validation_split=5), ValueError),
        refusal(lambda: kind.generator(brightness_range=0.1), ValueError),
        refusal(lambda: kind.generator(data_format="unknown"), ValueError),
    )


# === Loops ===


def keeps_order(flow: Any, told: Callable[[Any], np.ndarray]) -> list:
    """Whether `index_array` is the order of the batches seen, after one pass, and within and after a second."""
    found = []
    for _ in range(2):
        seen = np.concatenate([told(next(flow)) for _ in range(len(flow))])
        found += [np.array_equal(np.asarray(flow.classes)[flow.index_array], seen), sorted(seen.tolist())]
        first = told(next(flow))
        found.append(np.array_equal(np.asarray(flow.classes)[flow.index_array[: len(first)]], first))
        flow.reset()
    return found


@behaviour
def classes_in_the_order_of_a_loop(kind: SimpleNamespace, root: Path) -> Any:
    options = {"class_mode": "sparse", "batch_size": 5, "target_size": SIZE}
    many = table(root, **{"class": [f"c{number:02d}" for number in range(COUNT)]})
    return (
        keeps_order(kind.generator().flow_from_dataframe(many, str(root), **options), lambda batch: batch[1]),
        keeps_order(kind.generator().flow_from_directory(str(root), **options), lambda batch: batch[1]),
    )


@behaviour
def numbers_by_the_index_generator(kind: SimpleNamespace, root: Path) -> Any:
    flow = kind.generator().flow(ARRAY, batch_size=5, shuffle=False)
    taken = [next(flow.index_generator) for _ in range(4)]
    return taken, flow.batch_index, flow._get_batches_of_transformed_samples(taken[2])


@behaviour
def pictures_that_are_saved(kind: SimpleNamespace, root: Path) -> Any:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as place:
        options = {"save_to_dir": place, "save_prefix": "p", "save_format": "bmp", "shuffle": False, "batch_size": 3}
        next(kind.generator().flow_from_directory(str(root), SIZE, **options))
        next(kind.generator().flow(ARRAY, **{**options, "save_prefix": "q"}))
        names = sorted(Path(place).iterdir())
        return [(path.name.rsplit("_", 1)[0], np.asarray(Image.open(path), np.float32)) for path in names]


@pytest.mark.parametrize("given", BEHAVIOURS, ids=lambda given: given.__name__)
def test_behaves_as_keras_does(pictures: Path, given: Callable[[SimpleNamespace, Path], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = given(KERAS, pictures)
        ours = given(OURS, pictures)
    compare(ours, theirs)
