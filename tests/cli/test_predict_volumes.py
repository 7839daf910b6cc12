"""Predicting volumes: the slices answer as pictures of them do, and the volume with their mean."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.errors import EvaluationError
from braintumor_tf.experiments import predict_files
from tests.calling import call

nibabel = pytest.importorskip("nibabel")

QUIET = {"show_progress": False}


@pytest.fixture(scope="module")
def volume(trained, tmp_path_factory):
    """A volume whose slices 2 to 4 are pictures of the run, and these pictures; slices 1 and 5 are empty."""
    folder = tmp_path_factory.mktemp("volume")
    test = trained[1].predictions.query("split == 'test'")["path"]
    pictures = [np.asarray(Image.open(path).convert("L")) for path in test[:3]]
    for number, picture in enumerate(pictures, start=2):
        Image.fromarray(picture).save(folder / f"{number}.png")
    empty = np.zeros_like(pictures[0])
    layers = [picture[::-1, ::-1].T for picture in (empty, *pictures, empty)]
    nibabel.save(nibabel.Nifti1Image(np.stack(layers, axis=2), np.eye(4)), folder / "brain.nii.gz")
    return folder / "brain.nii.gz"


def test_a_volume_has_the_mean_of_the_answers_to_pictures_of_its_slices(trained, volume):
    _, run = trained
    pictures = predict_files(run, [volume.with_name(f"{number}.png") for number in (2, 3, 4)], **QUIET)
    columns = [name for name in pictures if name.startswith("p_")]
    each = predict_files(run, volume, each_slice=True, batch_size=2, **QUIET)
    assert each["path"].tolist() == [f"{volume}#2", f"{volume}#3", f"{volume}#4", str(volume)]
    np.testing.assert_allclose(each[columns][:3], pictures[columns], rtol=0, atol=1e-6)
    assert each["predicted"][:3].tolist() == pictures["predicted"].tolist()
    (row,) = predict_files(run, volume, **QUIET).to_dict("records")
    means = pictures[columns].mean()
    assert [row[name] for name in columns] == pytest.approx(means.tolist(), abs=1e-6)
    assert row["predicted"] == means.idxmax().removeprefix("p_") and row["slices"] == 3
    wanted = pictures[means.idxmax()].sort_values(ascending=False, kind="stable").index + 2
    assert row["top_slices"] == tuple(f"{volume}#{number}" for number in wanted)
    one = predict_files(run, f"{volume}#3", **QUIET).iloc[0]
    assert one[columns].tolist() == pytest.approx(pictures[columns].iloc[1].tolist(), abs=1e-6)
    assert predict_files(run, volume, slices="middle", **QUIET)["top_slices"][0] == (f"{volume}#3",)
    with pytest.raises(EvaluationError, match="calibrated on single slices"):
        predict_files(run, volume, abstain=True, **QUIET)
    assert predict_files(run, volume, abstain=True, each_slice=True, **QUIET)["answer"][:3].astype(bool).all()


def test_the_command_answers_a_folder_of_pictures_and_volumes(trained, volume, tmp_path):
    _, run = trained
    (volume.parent / "bad.nii").write_bytes(b"no volume")
    result = call("predict", run.path, volume.parent, "--csv", tmp_path / "t.csv", "--batch-size", 2)
    assert result.exit_code == 1 and "bad.nii: not a NIfTI or MGH volume" in result.stderr
    line = next(line for line in result.stdout.splitlines() if line.startswith(f"{volume}: "))
    assert "; mean of 3 slices, most for it: #" in line
    table = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert table["path"].str.rpartition("/")[2].tolist() == ["2.png", "3.png", "4.png", "bad.nii", "brain.nii.gz"]
    assert table["slices"].tolist() == [1, 1, 1, 1, 3] and table["top_slices"][4].count(f"{volume}#") == 3
    (found,) = json.loads(call("predict", run.path, volume, "--json").stdout)
    assert (
        found["slices"] == 3
        and len(found["top_slices"]) == 3
        and sum(found["probabilities"].values()) == pytest.approx(1)
    )
    words = ("--each-slice", "--slices", 2, "--plane", "coronal")
    each = json.loads(call("predict", run.path, volume, "--json", *words).stdout)
    assert [one["path"].rpartition("#")[2][:8] for one in each] == ["coronal-", "coronal-", str(volume)[:8]]
    assert call("predict", run.path, volume, "--slices", "some").exit_code == 1


def test_slices_are_explained_as_pictures_of_them_are(trained, volume, tmp_path):
    result = call("explain", trained[1].path, volume, f"{volume}#4", volume.with_name("3.png"), "--out", tmp_path)
    assert result.exit_code == 0 and [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        f"{volume}#3", f"{volume}#4", str(volume.with_name("3.png"))
    ]  # fmt: skip
    names = {path.name for path in tmp_path.iterdir() if path.name.endswith("_map.png")}
    assert {name.split("_")[0] for name in names} == {"brain", "3"} and len(names) == 3
    (slice_map,) = (name for name in names if name.startswith("brain_3_"))
    (picture_map,) = (name for name in names if name.startswith("3_"))
    assert (tmp_path / slice_map).read_bytes() == (tmp_path / picture_map).read_bytes()
