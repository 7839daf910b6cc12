"""What commands and verdicts say of data sets that are odd, missing, or hold nothing that can be learned."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.errors import BrainTumorWarning, SplitError
from braintumor_tf.experiments import run_experiment
from braintumor_tf.identity import load
from braintumor_tf.leakage import audit, group, split
from braintumor_tf.leakage.audit_report import format_audit
from braintumor_tf.leakage.manifest_counts import filed_twice, of_one_level, picture_faults
from braintumor_tf.leakage.provenance import find_provenance
from braintumor_tf.report.sections.verdict import run_verdict
from braintumor_tf.training import TrainingError
from tests.calling import call
from tests.leakage.conftest import picture, save


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two pictures of each of two classes, and two of none."""
    for number, name in enumerate(("yes/1", "yes/2", "no/3", "no/4", "pred/5", "pred/6")):
        save(picture(number), tmp_path / "set" / f"{name}.png")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("audit sartaj --data-dir {0}", "fetch it with `braintumor-tf datasets fetch sartaj`"),
        ("audit {0}/set", "--ignore pred leaves 2 out; --label-from 1 gives no_tumor 2, pred 2, tumor 2"),
        ("train --model PCA --dataset {0}/set", "--ignore pred leaves 2 out"),
        ("run 00 --dataset {0}/set", "--ignore pred leaves 2 out"),
        ("audit {0}/set/yes/1.png", "is one picture; give the folder that holds it"),
        ("audit {0}/empty", "is empty; expected class/image"),
        ("datasets link {0}/set/yes/1.png", "is one picture; give the folder that holds it"),
        ("datasets link {0}/empty", "is empty"),
        ("datasets link {0}/set --index {0}/empty", "is a folder, not an index; give the .npz file"),
        ("datasets link {0}/set --index {0}/gone.npz", "no such file; make an index of your images with"),
    ],
)
def test_each_fault_has_its_own_sentence(folder, words, message):
    result = call(*shlex.split(words.format(folder)))
    assert result.exit_code == 1 and message in result.stderr, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_audit_names_what_is_not_used_and_takes_the_options(folder):
    words = ("audit", folder / "set", "--no-link", "--no-poses", "--no-cache")
    text = call(*words, "--ignore", "pred").stdout
    assert f"not used: {folder / 'set' / 'pred'}, left out by 'pred' (2 files)" in text
    found = json.loads(call(*words, "--label-from", 1, "--json").stdout)
    assert found["classes"] == [{"split": "all", "no_tumor": 2, "pred": 2, "tumor": 2}]
    found = json.loads(call(*words, "--ignore", "pred", "--json").stdout)
    assert [row["path"] for row in found["passed_over"]] == [str(folder / "set" / "pred")]
    assert found["remarks"] == [f"not used: {folder / 'set' / 'pred'}, left out by 'pred' (2 files)"]


def test_link_needs_no_classes_and_says_that_it_takes_none(folder):
    result = call("datasets", "link", folder / "set", "--json", "--no-cache")
    assert result.exit_code == 0 and {row["label"] for row in json.loads(result.stdout)} == {None}
    assert "no label is taken from the folders (the folder pred holds pictures without a class" in result.stderr


def test_load_takes_the_options_and_warns_of_what_is_not_used(folder):
    with pytest.warns(BrainTumorWarning, match="set/pred, left out by 'pred'"):
        found = load(folder / "set", ignore=["pred"], link=False, cache=False, show_progress=False)
    assert found.to_config()["data_remarks"] == found.remarks and len(found.manifest) == 4
    everything = load(folder / "set", label_from=-1, link=False, cache=False, show_progress=False)
    assert set(everything.manifest["label"]) == {"no_tumor", "pred", "tumor"}


def test_a_declared_source_leaves_out_its_own_folders_and_those_of_the_user(folder):
    (folder / "set").rename(folder / "br35h")
    save(picture(9), folder / "br35h" / "yes" / "outlines" / "9.png")
    found = load("br35h", data_dir=folder, ignore=["outlines"], link=False, cache=False, show_progress=False)
    assert set(found.manifest["label"]) == {"no_tumor", "tumor"} and len(found.manifest) == 4
    reasons = {Path(path).name: reason for path, reason in found.passed_over.itertuples(index=False)}
    assert reasons == {"pred": "left out by 'pred' (2 files)", "outlines": "left out by 'outlines' (1 file)"}


@pytest.fixture(scope="module")
def same(tmp_path_factory) -> pd.DataFrame:
    """A data set in which each picture is filed as tumour and as none; two are black, of two sizes."""
    root = tmp_path_factory.mktemp("faults") / "set"
    for label in ("yes", "no"):
        for number in range(3):
            save(picture(number), root / label / f"{number}.png")
        for size in (64, 90):
            save(Image.new("L", (size, size)), root / label / f"black{size}.png")
    return scan(root, cache=False, show_progress=False)


SAME = "10 of 10 images are filed under two classes, pixel for pixel"
BLACK = "4 of 10 images have one grey level all over, such as black"


def test_pictures_without_a_true_label_are_counted(same):
    assert filed_twice(same.manifest).all()
    black = same.manifest["path"].str.contains("black")
    assert of_one_level(same.manifest).tolist() == black.tolist()
    assert picture_faults(same.manifest[~black].drop_duplicates("pixel_hash")) == []


@pytest.mark.parametrize("level", [1, 7, 128, 255])
@pytest.mark.parametrize("size", [(8, 6), (33, 129)])
def test_every_level_and_size_of_a_flat_picture_is_seen(tmp_path, level, size):
    save(Image.new("L", size, level), tmp_path / "glioma" / "1.png")
    save(Image.fromarray(np.asarray(picture(3).resize(size)) // 8 + 100), tmp_path / "glioma" / "2.png")
    found = scan(tmp_path, cache=False, show_progress=False).manifest
    assert of_one_level(found).tolist() == [True, False]


def test_they_are_said_in_the_audit_and_first_in_the_verdict_of_a_training(same):
    report = audit(same, poses=False, show_progress=False)
    assert SAME in format_audit(report) and BLACK in format_audit(report)
    assert [line[:20] for line in report.to_dict()["picture_faults"]] == [SAME[:20], BLACK[:20]]
    manifest = same.manifest.assign(split=["train", "test"] * 5, group=[f"g{row}" for row in range(10)])
    tested = manifest[manifest["split"] == "test"]
    predictions = tested.assign(predicted="tumor", tumor=0.6, no_tumor=0.4)
    warnings = run_verdict({"macro_f1": {"value": 0.5}}, predictions, manifest, {"protocol": "grouped"}).warnings
    assert warnings[0].startswith(SAME) and warnings[1].startswith(BLACK)


def test_an_audit_says_which_class_is_one_group(tmp_path):
    for number in range(3):
        save(picture(number), tmp_path / "no" / f"{number}.png")
        save(picture(9), tmp_path / "yes" / f"{number}.png")
    remarks = audit(scan(tmp_path, cache=False, show_progress=False), poses=False, show_progress=False).remarks
    assert [text[:55] for text in remarks] == ["all images of the class tumor are of one group, look-al"]


def test_contradictions_are_cut_to_a_readable_length():
    labels = [f"class{number}" for number in range(40)]
    manifest = pd.DataFrame({"label": labels, "split": "", "path": labels, "source": "mine", "patient": ""})
    manifest = manifest.assign(origin="figshare", origin_id="1", origin_label="glioma", origin_patient="")
    found = find_provenance(manifest.assign(label="pituitary", origin_label=labels))
    sentence = next(text for text in found.sentences if "contradict their origin's" in text)
    assert "40 (" in sentence and "34 others" in sentence and len(sentence) < 300


def test_a_training_on_one_class_is_refused(tmp_path):
    manifest = pd.DataFrame({"path": ["1.png"] * 3, "label": "glioma", "split": ["train", "validation", "test"]})
    with pytest.raises(TrainingError, match="all images are of one class, glioma: nothing can be learned"):
        run_experiment(manifest, "PCA", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_official_test_class_that_training_lacks_is_refused(tmp_path):
    for number, name in enumerate(("train/yes/1", "train/yes/2", "test/yes/3", "test/no/4")):
        save(picture(number), tmp_path / f"{name}.png")
    manifest = group(scan(tmp_path, cache=False, show_progress=False).manifest, poses=False, show_progress=False)
    with pytest.raises(SplitError, match="the official training images have no no_tumor, which the others have"):
        split(manifest, "official")
