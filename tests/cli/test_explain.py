"""The command explain, on a small network that is not trained, and images of every size and mode."""

from __future__ import annotations

import gc
import itertools
import json
import shutil
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import ImageReadError
from braintumor_tf.experiments import predict_files
from braintumor_tf.explanation import METHODS, explain
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.report.explained_images import explain_files, read_map, write_map
from braintumor_tf.runs import keeping_hash
from braintumor_tf.training.callbacks import save_network
from tests.calling import call
from tests.training.toy import small_cnn, toy_image

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "cnn"
    write_json(folder / "config.json", {"model": "CNN", "classes": list(CLASSES), "seed": 0})
    row = {"path": "gone.png", "label": "glioma", "split": "train", "source": "toy", "width": 8, "height": 8}
    row |= {"md5": "0", "pixel_hash": "0", "phash": "0", "group": "a"}
    write_csv(folder / "manifest.csv", pd.DataFrame([row]))
    with keeping_hash(folder / "model.keras") as temporary:
        save_network(small_cnn(), temporary)
    write_json(folder / "metrics.json", {})
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> dict[str, Path]:
    """Images of every mode and of several sizes."""
    folder = tmp_path_factory.mktemp("images")
    grey = np.kron(toy_image(1, GENERATOR), np.ones((2, 2), np.uint8))
    colour = np.stack([grey, grey[::-1], grey.T], axis=-1)
    pictures = {
        "grey.png": Image.fromarray(grey),
        "wide.jpg": Image.fromarray(grey[:30]),
        "tall.bmp": Image.fromarray(grey[:, :9]),
        "colour.png": Image.fromarray(colour),
        "alpha.png": Image.fromarray(np.dstack([colour, grey])),
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 200),
        "palette.png": Image.fromarray(colour).quantize(16),
        "one_bit.png": Image.fromarray(grey > 100),
        "dot.png": Image.fromarray(grey[:1, :1]),
        "large.png": Image.fromarray(grey).resize((1500, 1100)),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)
    return {name: folder / name for name in pictures}


def test_every_size_and_mode_gets_a_picture_and_a_map_of_its_size(run, images, tmp_path):
    result = call("explain", run, *images.values(), "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [row["path"] for row in rows] == [str(path) for path in images.values()]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    stems = [Path(name).stem for name in images]
    assert written == {f"{stem}_grad_cam{end}.png" for stem in stems for end in ("", "_map")}
    for row, path in zip(rows, images.values(), strict=True):
        with Image.open(path) as image, Image.open(row["map"]) as stored, Image.open(row["picture"]) as picture:
            assert stored.size == image.size and stored.mode.startswith("I") and picture.size[0] > 600
        heat = read_map(row["map"])
        assert heat.dtype == np.float32 and heat.max() in (0.0, 1.0)
        assert Path(row["picture"]).stat().st_size < 400_000


def test_class_and_probability_are_those_of_predict_and_the_map_that_of_explain(run, images, tmp_path):
    paths = [images["grey.png"], images["wide.jpg"], images["deep.png"]]
    found, errors = explain_files(
        run, paths, tmp_path, method="grad_cam_plus_plus", target="glioma", show_progress=False
    )
    table = predict_files(run, paths, show_progress=False)
    assert not errors and [one.predicted for one in found] == list(table["predicted"])
    for one, row, path in zip(found, table.to_dict("records"), paths, strict=True):
        assert one.probabilities == pytest.approx({name: row[f"p_{name}"] for name in CLASSES}, abs=1e-6)
        assert one.target == "glioma" and one.method == "grad_cam_plus_plus"
        expected = explain(run, [path], method="grad_cam_plus_plus", target="glioma")[0]
        np.testing.assert_allclose(read_map(one.map), expected, atol=1e-4)


def test_unreadable_images_are_named_and_the_others_done(run, images, tmp_path):
    broken, folder = tmp_path / "broken.png", tmp_path / "folder"
    broken.write_bytes(b"no image")
    folder.mkdir()
    result = call(
        "explain", run, broken, images["grey.png"], folder, images["wide.jpg"], "--out", tmp_path / "out", "--json"
    )
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("braintumor-tf: ")]
    assert len(lines) == 2 and str(broken) in lines[0] and "a folder" in lines[1]
    rows = json.loads(result.stdout)
    assert [Path(row["path"]).name for row in rows] == ["grey.png", "wide.jpg", "broken.png", "folder"]
    assert rows[2]["error"] and len(list((tmp_path / "out").iterdir())) == 4
    alone = call("explain", run, broken, "--out", tmp_path / "none")
    assert alone.exit_code == 1 and not (tmp_path / "none").exists()


def test_one_name_in_two_folders_is_kept_apart(run, images, tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "slice.png")
        shutil.copy(images["grey.png"], paths[-1])
    found, _ = explain_files(run, paths, tmp_path / "out", show_progress=False)
    assert [one.picture.name for one in found] == ["slice_grad_cam.png", "slice_grad_cam_2.png"]
    assert len({one.map for one in found}) == 2 and len(list((tmp_path / "out").iterdir())) == 4


def test_few_images_are_in_memory_at_once_and_no_figure_stays(run, images, tmp_path, monkeypatch):
    import braintumor_tf.explanation as stage
    from braintumor_tf.report import explained_images as explanation_files

    batches, figures = [], weakref.WeakSet()
    compute, draw = stage.explain, explanation_files.explained_images

    def counted(model, given, *words, **settings):
        batches.append(len(given))
        assert len(figures) <= 1
        return compute(model, given, *words, **settings)

    def followed(*words, **settings):
        figure = draw(*words, **settings)
        gc.collect()
        figures.add(figure)
        return figure

    monkeypatch.setattr(stage, "explain", counted)
    monkeypatch.setattr(explanation_files, "explained_images", followed)
    explain_files(run, [images["grey.png"]] * 4, tmp_path, batch_size=3, show_progress=False)
    gc.collect()
    assert batches == [3, 1] and not figures and len(list(tmp_path.iterdir())) == 8


def test_many_images_of_different_sizes_leave_nothing_behind(run, tmp_path, monkeypatch):
    from braintumor_tf.report import explained_images as explanation_files

    def remember():
        gc.collect()
        seen.append((len(gc.get_objects()), tracemalloc.get_traced_memory()[0]))

    def watched(*words, **settings):
        if next(counter) in (8, 24):
            remember()
        return write(*words, **settings)

    paths, seen, counter, write = [], [], itertools.count(), explanation_files.explained_images
    for number in range(25):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(GENERATOR.integers(0, 256, (30 + number, 60 - number), dtype=np.uint8)).save(paths[-1])
    monkeypatch.setattr(explanation_files, "explained_images", watched)
    tracemalloc.start()
    try:
        explain_files(run, paths, tmp_path / "out", show_progress=False)
    finally:
        tracemalloc.stop()
    (objects, memory), (objects_later, memory_later) = seen
    assert objects_later - objects < 16 * 50, "a figure has thousands of objects, and so has a traced function"
    assert memory_later - memory < 16 * 20_000, "a picture here has a million bytes before it is stored"


def test_what_was_finished_before_ctrl_c_is_kept(run, images, tmp_path, monkeypatch):
    from braintumor_tf.report import explained_images as explanation_files

    drawn, draw = [], explanation_files.explained_images

    def interrupted(*words, **settings):
        drawn.append(len(drawn))
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return draw(*words, **settings)

    monkeypatch.setattr(explanation_files, "explained_images", interrupted)
    result = call("explain", run, *[images["grey.png"]] * 9, "--out", tmp_path / "out")
    assert result.exit_code == 130
    stems = ["grey_grad_cam", "grey_grad_cam_2", "grey_grad_cam_3"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{n}{end}.png" for n in stems for end in ("", "_map")
    }


def test_an_image_that_no_model_takes_is_named_and_the_others_done(run, images, tmp_path):
    Image.fromarray(GENERATOR.integers(0, 2, (40, 40), dtype=np.uint8)).save(tmp_path / "mask.png")
    result = call("explain", run, tmp_path / "mask.png", images["grey.png"], "--out", tmp_path)
    assert result.exit_code == 1 and (tmp_path / "grey_grad_cam.png").is_file()
    lines = [line for line in result.stderr.splitlines() if line.startswith("braintumor-tf: ")]
    assert len(lines) == 1 and "mask.png: pixels range from 0 to 1, scaled to 0-1" in lines[0]


def test_a_folder_that_cannot_be_written_is_named(run, images, tmp_path):
    (tmp_path / "file").write_text("no folder")
    result = call("explain", run, images["grey.png"], "--out", tmp_path / "file" / "out")
    lines = [line for line in result.stderr.splitlines() if line.startswith("braintumor-tf: ")]
    assert result.exit_code == 1 and len(lines) == 1 and "file" in lines[0] and "Not a directory" in lines[0]


def test_the_text_names_the_class_and_the_file(run, images, tmp_path):
    result = call("explain", run, images["grey.png"], "--out", tmp_path, "--method", "occlusion")
    predicted = predict_files(run, [images["grey.png"]], show_progress=False)["predicted"][0]
    assert result.exit_code == 0 and (tmp_path / "grey_occlusion.png").is_file()
    assert result.stdout.startswith(f"{images['grey.png']}: {predicted} 0.")
    assert result.stdout.strip().endswith(str(tmp_path / "grey_occlusion.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "gradcam"], "grad_cam, grad_cam_plus_plus, occlusion"),
        (["--method", "attention_rollout"], "grad_cam, grad_cam_plus_plus, occlusion"),
        (["--layer", "block_9"], "block_1_convolution_1"),
        (["--target", "cat"], "glioma, meningioma, no_tumor, pituitary"),
        (["--method", "occlusion", "--layer", "block_1_relu_1"], "leave it out"),
    ],
)
def test_wrong_words_are_answered_with_the_valid_ones_before_anything_is_written(run, images, tmp_path, words, message):
    result = call("explain", run, images["grey.png"], *words, "--out", tmp_path / "out")
    assert result.exit_code == 1 and message in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_runs_that_are_not_there_are_named(images, tmp_path):
    result = call("explain", tmp_path, images["grey.png"], "--out", tmp_path / "out")
    assert result.exit_code == 1 and "not a run" in result.stderr


def test_maps_survive_their_file(tmp_path):
    heat = np.linspace(0, 1, 200, dtype=np.float32).reshape(10, 20)
    np.testing.assert_allclose(read_map(write_map(tmp_path / "map.png", heat)), heat, atol=1 / 65535)
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "grey.png")
    for name, words in (("grey.png", "mode L, not a map"), ("no.png", "No such file")):
        with pytest.raises(ImageReadError, match=words):
            read_map(tmp_path / name)


def test_images_or_a_check_but_not_both(run, images):
    assert call("explain", run).exit_code == 2
    assert call("explain", run, images["grey.png"], "--check").exit_code == 2


def test_the_help_names_the_methods_of_the_table():
    text = " ".join(call("explain", "--help").stdout.split())
    assert f"--method TEXT {', '.join(METHODS)}; by default the model's own." in text
