"""Predicting what people have: files, folders, patterns, arrays; what the gate says; a row also for bad files."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from skimage import data

from braintumor_tf.datasets import read_image
from braintumor_tf.errors import EvaluationError, ImageInputError
from braintumor_tf.experiments import image_paths, predict_files, predict_images, run_ensemble
from braintumor_tf.runs import Run
from tests.calling import call

QUIET = {"show_progress": False}


def columns(table):
    return [name for name in table if name.startswith("p_")]


@pytest.fixture(scope="module")
def run(trained) -> Run:
    return trained[1]


def test_folders_and_patterns_stand_for_their_images(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/c.tif", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    names = [os.path.relpath(path, tmp_path) for path in image_paths([tmp_path])]
    assert names == ["a.JPG", "b.png", "deep/c.tif"]
    assert image_paths([f"{tmp_path}/*.png"]) == [f"{tmp_path}/b.png"]
    assert image_paths([f"{tmp_path}/**/*.tif"]) == [f"{tmp_path}/deep/c.tif"]
    assert image_paths([f"{tmp_path}/b.png", tmp_path, "gone.png"]) == [
        f"{tmp_path}/b.png", f"{tmp_path}/a.JPG", f"{tmp_path}/deep/c.tif", "gone.png"
    ]  # fmt: skip
    (tmp_path / "odd[1].png").write_bytes(b"x")
    assert image_paths([f"{tmp_path}/odd[1].png"]) == [f"{tmp_path}/odd[1].png"], (
        "a file with such a name is no pattern"
    )
    (tmp_path / "empty").mkdir()
    for wrong, words in ((tmp_path / "empty", "named like an image"), (f"{tmp_path}/*.gif", "matches no file")):
        with pytest.raises(EvaluationError, match=words):
            image_paths([wrong])
    with pytest.raises(EvaluationError, match="no image is given"):
        image_paths([])


def test_files_and_arrays_have_the_answers_that_were_scored(run):
    kept = run.predictions[run.predictions["split"] == "test"]
    paths = kept["path"].tolist()
    files = predict_files(run, paths, batch_size=3, **QUIET)
    np.testing.assert_allclose(files[columns(files)], kept[columns(kept)], atol=1e-5)
    arrays = predict_images(run, [read_image(path, grey=False) for path in paths])
    np.testing.assert_allclose(arrays[columns(arrays)], files[columns(files)], atol=1e-5)
    assert arrays["path"].tolist() == [str(place) for place in range(len(paths))]
    assert files["predicted"].tolist() == arrays["predicted"].tolist() == kept["predicted"].tolist()


def test_a_bad_file_is_a_row_with_its_reason_among_the_others(run, tmp_path):
    good = run.predictions["path"][0]
    (tmp_path / "bad.png").write_bytes(b"")
    table = predict_files(run, [tmp_path / "bad.png", good, "gone.png"], **QUIET)
    assert table["error"].tolist() == ["empty file (0 bytes)", "", "no such file"]
    assert table["predicted"].tolist()[::2] == ["", ""] and table[columns(table)].isna().all(axis=1).tolist() == [
        True, False, True
    ]  # fmt: skip
    alone = predict_files(run, [tmp_path / "bad.png"], abstain=True, **QUIET)
    assert alone["error"][0] and list(alone.columns) == list(predict_files(run, good, abstain=True, **QUIET).columns)


def test_the_gate_cautions_and_refuses_only_where_asked(run):
    pictures = [np.zeros((64, 64), np.uint8), data.chelsea(), read_image(run.predictions["path"].iloc[-1])]
    table = predict_images(run, pictures)
    assert [bool(reasons) for reasons in table["gate"]] == [True, True, False]
    assert table["predicted"].astype(bool).all(), "a caution is no refusal"
    refused = predict_images(run, pictures, refuse=True)
    assert refused["predicted"].tolist()[:2] == ["", ""] and refused[columns(refused)][:2].isna().all(axis=None)
    assert refused["predicted"][2] == table["predicted"][2]
    both = predict_images(run, pictures, refuse=True, abstain=True)
    assert both["answer"].tolist()[:2] == ["", ""] and both["answer"][2]


def test_a_picture_that_was_in_training_is_told_whatever_its_file_is_called(run, tmp_path):
    manifest = run.manifest
    first = manifest.loc[manifest["split"] == "train", "path"].iloc[0]
    shutil.copy(first, tmp_path / "renamed.bin")
    Image.open(first).convert("L").save(tmp_path / "again.png", compress_level=1)
    Image.open(first).convert("L").save(tmp_path / "again.bmp")
    unseen = manifest.loc[manifest["split"] == "test", "path"].iloc[0]
    table = predict_files(
        run, [first, tmp_path / "renamed.bin", tmp_path / "again.png", tmp_path / "again.bmp", unseen], **QUIET
    )
    known = set(manifest.loc[manifest["pixel_hash"] == manifest.set_index("path")["pixel_hash"][first], "path"])
    assert all(path in known for path in table["training_image"][:4]) and table["training_image"][4] == ""


def test_a_picture_of_training_is_known_when_encoded_again_and_its_look_alikes_are_not_called_so(run, tmp_path):
    seen = run.manifest[run.manifest["split"] == "train"]
    first = seen["path"].iloc[0]
    grey = Image.open(first).convert("L")
    grey.save(tmp_path / "small.jpg", quality=60)
    grey.resize((grey.width * 2, grey.height * 2), Image.Resampling.BICUBIC).save(tmp_path / "large.png")
    grey.point(lambda value: round(0.7 * value + 20)).save(tmp_path / "dim.png")
    blocked = np.asarray(grey).copy()
    blocked[: grey.height // 4] = 0  # another picture, with nearly the same fingerprint
    black = np.zeros((64, 64), np.uint8)
    names = ("small.jpg", "large.png", "dim.png")
    table = predict_files(run, [tmp_path / name for name in names], **QUIET)
    same = seen.loc[seen["phash"] == seen["phash"].iloc[0], "path"]
    assert table["training_image"].isin(same).all(), table["training_image"].tolist()
    assert predict_images(run, [blocked, black])["training_image"].tolist() == ["", ""]


def test_a_run_without_a_gate_answers_and_cannot_refuse(run, tmp_path):
    bare = Run.of(shutil.copytree(run.path, tmp_path / "bare"))
    (bare.path / "gate.npz").unlink()
    picture = np.zeros((64, 64), np.uint8)
    assert predict_images(bare, [picture])["gate"].tolist() == [None]
    with pytest.raises(EvaluationError, match="has no gate"):
        predict_images(bare, [picture], refuse=True)


def test_an_ensemble_turns_away_what_most_of_its_members_turn_away(run, tmp_path):
    twice = run_ensemble(
        [run, Run.of(shutil.copytree(run.path, tmp_path / "second"))],
        tmp_path / "both",
        baselines=False,
        resamples=20,
        **QUIET,
    )
    pictures = [np.zeros((64, 64), np.uint8), read_image(run.predictions["path"].iloc[-1])]
    assert [bool(reasons) for reasons in predict_images(twice, pictures)["gate"]] == [True, False]
    (tmp_path / "second" / "gate.npz").unlink()
    assert predict_images(twice, pictures)["gate"][0] == predict_images(run, pictures)["gate"][0]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8)), "float64; give uint8"),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\)"),
        (np.zeros(8, np.uint8), r"one image as images\[None\]"),
        (np.zeros((0, 8), np.uint8), "shape"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_their_number(run, image, words):
    with pytest.raises(ImageInputError, match=f"image 1: .*{words}"):
        predict_images(run, [np.zeros((8, 8), np.uint8), image])


def test_the_command_writes_a_table_and_says_what_it_cautions_of(run, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    good = run.predictions["path"].iloc[-1]
    shutil.copy(good, folder / "a.png")
    Image.fromarray(data.chelsea()).save(folder / "b.png")
    (folder / "c.png").write_bytes(b"no image")
    table = tmp_path / "answers.csv"
    result = call("predict", run.path, folder, "--gate", "--csv", table, "--batch-size", 2)
    assert result.exit_code == 1 and "c.png: not an image" in result.stderr
    assert "b.png: not answered, " in result.stdout and "a.png: " in result.stdout
    import pandas as pd

    rows = pd.read_csv(table, keep_default_na=False)
    assert rows["path"].str[-5:].tolist() == ["a.png", "b.png", "c.png"] and rows["error"].astype(bool).sum() == 1
    assert rows["predicted"][1] == "" and rows["gate"][1] and not list(tmp_path.glob("*.part"))
    warned = call("predict", run.path, folder / "b.png")
    assert warned.exit_code == 0 and "caution, unlike the training images: " in warned.stderr
    assert call("predict", run.path, folder / "a.png", "--csv", tmp_path / "no" / "t.csv").exit_code == 1
