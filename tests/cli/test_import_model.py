"""The command ``import-model``: a model from elsewhere predicts, explains, is scored and compared like one of ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

from braintumor_tf.datasets import CLASSES, read_image, scan
from braintumor_tf.runs import Run
from tests.calling import call

SIDE, RANGE = 16, "1/127.5,-1"
WORDS = ("--classes", ",".join(CLASSES), "--no-link")


@pytest.fixture(scope="module")
def theirs(folder, tmp_path_factory) -> Path:
    """A file of logits on pixels from -1 to 1, around a network inside it, that knows the images of the folder."""
    images = scan(folder, show_progress=False).manifest
    pixels = np.stack([read_image(path, size=(SIDE, SIDE), grey=True) for path in images["path"]]).reshape(
        len(images), -1
    )
    dark = np.maximum(1 - pixels / 127.5, 0)  # 0 everywhere if pixels are left at 0 to 255
    fitted = LogisticRegression(C=10, max_iter=500).fit(dark, images["label"])
    inside = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(1, 1, activation="relu", name="dark"),
            keras.layers.Flatten(),
        ],
        name="inside",
    )
    inside.get_layer("dark").set_weights([np.full((1, 1, 1, 1), -1.0), np.zeros(1)])
    image = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(image, keras.layers.Dense(4, name="logits")(inside(image)))
    model.get_layer("logits").set_weights([fitted.coef_.T, fitted.intercept_])
    path = tmp_path_factory.mktemp("theirs") / "theirs.h5"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def scored(theirs, folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported") / "scored"
    return call("import-model", theirs, *WORDS, "--preprocess", RANGE, "--dataset", folder, "--out", out), Run(out)


def test_it_is_scored_on_a_data_set_and_what_it_was_trained_on_is_said_to_be_unknown(scored, folder):
    result, run = scored
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("logits: a softmax is added") == 1 and "fits better" not in result.stderr
    table = run.predictions
    assert set(table["split"]) == {"test"} and len(table) == len(scan(folder, show_progress=False).manifest)
    metrics = run.metrics
    assert metrics["accuracy"]["value"] == pytest.approx(accuracy_score(table["label"], table["predicted"]))
    assert metrics["macro_f1"]["value"] == pytest.approx(f1_score(table["label"], table["predicted"], average="macro"))
    assert metrics["accuracy"]["value"] > 0.9
    assert metrics["training_known"] is False and metrics["clean"]["accuracy"]["value"] is None
    page, card = ((run.path / name).read_text() for name in ("report.html", "MODEL_CARD.md"))
    for text in (result.stdout, page, card):
        assert "On which images is not known" in text and not re.search(r"\b0 of (the )?\d+ test images", text)
    assert "answers may come from memory" in page and "answers may come from memory" in card
    assert "import-model theirs.h5 --classes glioma,meningioma,no_tumor,pituitary" in card
    assert run.config["imported"]["sha256"] in card


@pytest.mark.parametrize(
    ("preprocess", "classes", "hint"),
    [
        ("none", CLASSES, "--preprocess 1/127.5,-1 fits better: accuracy"),
        (RANGE, ("meningioma", "no_tumor", "pituitary", "glioma"), f"--classes {','.join(CLASSES)} fits better"),
    ],
)
def test_a_wrong_range_or_order_is_named_and_not_put_right(preprocess, classes, hint, theirs, folder, tmp_path):
    words = ("--classes", ",".join(classes), "--preprocess", preprocess, "--no-link", "--dataset", folder)
    result = call("import-model", theirs, *words, "--out", tmp_path / "run")
    assert result.exit_code == 0 and hint in result.stderr and "nothing was changed" in result.stderr
    run = Run(tmp_path / "run")
    assert run.config["classes"] == list(classes) and run.metrics["accuracy"]["value"] < 0.6
    assert hint in (run.path / "report.html").read_text()


def test_without_images_it_predicts_and_explains_and_is_scored_once_a_data_set_is_given(
    theirs, folder, scored, tmp_path
):
    run = tmp_path / "bare"
    result = call("import-model", theirs, *WORDS, "--preprocess", RANGE, "--out", run)
    assert result.exit_code == 0 and "it has no scores yet" in result.stdout
    table = scored[1].predictions
    paths = list(table["path"][:2])
    found = json.loads(call("predict", run, *paths, "--json").stdout)
    expected = table.set_index("path").loc[paths, [f"p_{name}" for name in CLASSES]].to_numpy()
    np.testing.assert_allclose([list(one["probabilities"].values()) for one in found], expected, atol=1e-5)
    (drawn,) = json.loads(call("explain", run, paths[0], "--layer", "dark", "--out", tmp_path, "--json").stdout)
    assert drawn["method"] == "grad_cam" and Path(drawn["picture"]).is_file()
    again = json.loads(call("evaluate", run, "--dataset", folder, "--no-link", "--json").stdout)
    assert again["accuracy"] == scored[1].metrics["accuracy"] and again["training_known"] is False
    for words in (("evaluate", run), ("evaluate", run, "--noise", "gaussian"), ("explain", run, "--check")):
        refused = call(*words)
        assert refused.exit_code == 1 and "was imported without images" in refused.stderr, (words, refused.output)
    assert "there is nothing to train" in call("train", "--resume", run).stderr
    assert "holds an imported model already" in call(
        "import-model", theirs, *WORDS, "--preprocess", RANGE, "--out", run
    ).stderr  # fmt: skip


def test_it_is_scored_under_noise_checked_and_compared_with_a_run_by_one_command_each(scored, trained, tmp_path):
    run, ours = scored[1].path, trained[1].path
    noisy = call("evaluate", run, "--noise", "gaussian", "--severity", 3)
    assert noisy.exit_code == 0, noisy.output
    assert set(pd.read_csv(run / "robustness_predictions.csv.gz")["severity"]) == {0, 3}
    checked = json.loads(call("explain", run, "--check", "--json").stdout)
    assert checked["method"] == "grad_cam" and checked["outside"]
    assert "which images it has seen is not known" in call("evaluate", run, ours).stderr
    refused = call("compare", run, ours, "--out", tmp_path)
    assert refused.exit_code == 1 and "--common" in refused.stderr
    compared = call("compare", run, ours, "--common", "--out", tmp_path)
    assert compared.exit_code == 0, compared.output
    assert "What scored learned from is not known (imported)" in compared.stdout
    assert "no run is known to have trained on" in compared.stdout
    assert pd.read_csv(tmp_path / "summary.csv").set_index("name").loc["scored", "clean_images":].isna().any()


def test_wrong_words_are_refused_before_keras_is_imported(theirs, tmp_path):
    import subprocess
    import sys

    cases = [
        (("absent.h5", "--classes", "a,b", "--preprocess", "none"), "absent.h5: no such file"),
        ((theirs, "--classes", "a", "--preprocess", "none"), "no list of at least two different class names"),
        ((theirs, "--classes", "a,b", "--preprocess", "resnet51"), "is not known; give 'none'"),
        ((theirs, "--classes", "a,b", "--preprocess", "1/x,0"), "no scale and offset"),
    ]
    code = """
import json, sys
from tests.calling import call
for words, _ in json.loads(sys.argv[1]):
    print(call("import-model", *words, "--out", sys.argv[2]).stderr.strip())
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
"""
    given = json.dumps([[list(map(str, words)), text] for words, text in cases])
    ran = subprocess.run(
        [sys.executable, "-c", code, given, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    for line, (_, text) in zip(ran.stdout.splitlines(), cases, strict=True):
        assert text in line
