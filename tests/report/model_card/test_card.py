"""The model card: every number is the run's, its metadata parse, what is missing is named, nothing is half-written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import braintumor_tf as bt
from braintumor_tf.augment import GaussianNoise, describe, training_noise
from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, MODALITIES
from braintumor_tf.datasets.sources.table import get_source
from braintumor_tf.errors import RunError
from braintumor_tf.evaluation import measure_calibration, score_predictions
from braintumor_tf.evaluation.robustness.corruptions import NOISES
from braintumor_tf.report import write_model_card, write_report
from braintumor_tf.report.model_card import card as model_card
from braintumor_tf.report.model_card.data import source_rows
from braintumor_tf.report.model_card.markdown import code, escape
from braintumor_tf.report.wording.metrics import BASELINE_TITLES, CLASS_SCORES, SCORES
from braintumor_tf.report.wording.numbers import signed
from braintumor_tf.runs import Run
from tests.evaluation.made_predictions import drawn
from tests.evaluation.made_robustness import made
from tests.report.conftest import make_manifest, make_predictions, make_run, three_digits
from tests.report.made_explanations import EXPLANATIONS
from tests.report.model_card.card_parts import Card

HEADINGS = [
    "Model details", "Intended use", "Factors", "Data and its faults", "Protocol", "Metrics", "Noise",
    "Calibration and abstention", "What it looks at", "Limits and caveats", "Ethical considerations", "How to use",
    "How to reproduce", "Citation",
]  # fmt: skip
MISSING = {
    "Noise": "braintumor-tf evaluate RUN --noise all",
    "Calibration and abstention": "bt.evaluation.calibrate_run('RUN')",
    "What it looks at": "braintumor-tf explain RUN --check",
}


def text_of(found) -> str:
    """A score as the card should write it, made here anew."""
    if found["value"] is None:
        return "–"
    within = "" if found["low"] is None else f" ({three_digits(found['low'])}–{three_digits(found['high'])})"
    return f"{three_digits(found['value'])}{within}"


def full_run(folder: Path, manifest: pd.DataFrame, classes=CLASSES, **settings) -> Run:
    """A run with every file that a card reads."""
    run = Run(make_run(folder, manifest, classes, model="CNN", image_size=[64, 64], **settings))
    others = {name: make_predictions(manifest, classes, strength=0.5) for name in BASELINE_TITLES}
    run.write_metrics(score_predictions(run.predictions, manifest, classes, baselines=others, resamples=30).to_dict())
    validation, test = drawn(80, 1, 0.6, "validation", classes), drawn(80, 2, 0.6, "test", classes)
    run.write_calibration(measure_calibration(validation, test, classes, resamples=20).to_dict())
    run.write_explanations(EXPLANATIONS)
    found = made("CNN", noises=NOISES[:2], severities=(1, 3))
    run.write_robustness(found.to_dict(), found.predictions)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory, manifest) -> Run:
    return full_run(tmp_path_factory.mktemp("card") / "run", manifest)


@pytest.fixture(scope="module")
def card(run) -> Card:
    assert bt.write_model_card is write_model_card
    return Card(write_model_card(run))


def test_headings_are_those_of_the_field_and_in_order(card):
    assert list(card.sections) == HEADINGS
    assert "### Out of scope use" in card.sections["Intended use"]
    assert "Research use only, never diagnosis" in card.body.split("##")[0]


def test_metadata_are_those_of_hugging_face(card, run):
    found, metrics = card.metadata, run.metrics
    assert found["license"] and found["library_name"] == "keras" and found["pipeline_tag"] == "image-classification"
    (index,) = found["model-index"]
    (result,) = index["results"]
    assert {"name", "type", "split"} == set(result["dataset"]) and result["task"]["type"] == "image-classification"
    values = {row["name"]: row["value"] for row in result["metrics"]}
    assert values == {name: metrics[key]["value"] for key, name in
                      (("accuracy", "Accuracy"), ("macro_f1", "Macro-F1"), ("roc_auc", "ROC-AUC"))}  # fmt: skip
    assert [row["type"] for row in result["metrics"]] == found["metrics"] == ["accuracy", "f1", "roc_auc"]


def test_every_score_of_the_card_is_that_of_the_files(card, run):
    metrics = run.metrics
    for name, (title, _) in SCORES.items():
        assert card.rows[title][0][0] == text_of(metrics[name])
    for name, title in BASELINE_TITLES.items():
        found = metrics["baselines"][name]
        lead = found["model_above"]["macro_f1"]
        judged = "better" if lead["low"] > 0 else "worse" if lead["high"] < 0 else "not told apart"
        assert card.rows[title] == [[text_of(found), text_of(found["macro_f1"]), signed(lead), judged]]
    counts = dict(zip(metrics["confusion_matrix"]["labels"], metrics["confusion_matrix"]["counts"]))
    for label in CLASSES:
        each, calibrated = metrics["classes"][label], run.calibration["conformal"]["classes"][label]
        keys = ("coverage", "set_size", "answered", "accuracy_answered")
        assert card.rows[label] == [
            [str(each["support"]), *(text_of(each[key]) for key in CLASS_SCORES)],
            [str(count) for count in counts[label]],
            [str(calibrated["groups"]), *(text_of(calibrated[key]) for key in keys)],
        ]
    for part, title in (
        ("twins", "with a near-duplicate in training"),
        ("clean", "without a near-duplicate in training"),
    ):
        images, accuracy = card.rows[title][0]
        assert int(images.split()[0]) == metrics[part]["images"] and accuracy == text_of(metrics[part]["accuracy"])
    healthy = metrics["false_alarms"], metrics["classes"]["no_tumor"]["support"]
    assert f"{healthy[0]} of {healthy[1]} images without a tumour called one" in card.body
    for when, place in (("before", 0), ("after", 1)):
        assert card.rows["Brier score"][0][place] == text_of(run.calibration["scores"][when]["brier_score"])
    for row in EXPLANATIONS["outside"]:
        assert card.rows[row["shown"]][0][:2] == [text_of(row["accuracy"]), text_of(row["balanced_accuracy"])]


def test_the_numbers_under_noise_are_those_of_the_file(card, run):
    found = run.robustness
    table = {(row["noise"], row["severity"]): row for row in found["table"] if row["metric"] == "macro_f1"}
    for name, title in ((NOISES[0], "Gaussian"), (NOISES[1], "salt and pepper")):
        scores = [text_of(table[name, severity]) for severity in (1, 3)]
        assert card.rows[title] == [[*scores, text_of(found["mean_losses"][name])]]


@pytest.mark.parametrize(
    ("noise", "shown"),
    [
        (None, "none"),
        (GaussianNoise(20), "GaussianNoise (all"),
        (training_noise(["gaussian", "speckle"], (1, 2)), "GaussianNoise, SpeckleNoise (all"),
        (training_noise(["gaussian", "speckle"], (1, 2), size=224), "GaussianNoise, SpeckleNoise at 224 × 224 pixels"),
        (training_noise(["speckle"], (2,), size=(64, 96)), "SpeckleNoise at 64 × 96 pixels (all"),
    ],
)
def test_the_noise_of_the_training_is_named(tmp_path, manifest, noise, shown):
    config = {"model": "CNN", "noise": noise if noise is None else describe(noise)}
    ((row,),) = Card(write_model_card(Run(make_run(tmp_path / "run", manifest, **config)))).rows["Training noise"]
    assert row.startswith(shown)


def test_the_counts_of_the_images_are_those_of_the_manifest(card, manifest):
    for split in ("train", "validation", "test"):
        rows = manifest[manifest["split"] == split]
        counts = [str((rows["label"] == label).sum()) for label in CLASSES]
        assert card.rows[split] == [[*counts, str(len(rows)), str(rows["group"].nunique())]]
    assert card.rows["all"][0][-2] == str(len(manifest)) and card.rows["made"][0][0] == str(len(manifest))


@pytest.mark.parametrize("absent", [["Noise"], ["Calibration and abstention"], ["What it looks at"], list(MISSING)])
def test_what_is_missing_is_named_with_the_command_that_makes_it(run, tmp_path, absent):
    folder = shutil.copytree(run.path, tmp_path / "run")
    files = dict(zip(MISSING, ("robustness.json", "calibration.json", "explanations.json")))
    for heading in absent:
        (folder / files[heading]).unlink()
    (folder / "history.csv").unlink()
    card = Card(write_model_card(folder))
    for heading, command in MISSING.items():
        assert (command in card.sections[heading]) == (heading in absent)
        assert ("Missing" in card.sections[heading]) == (heading in absent)


def test_bare_runs_have_cards(tmp_path, manifest):
    folder = make_run(tmp_path / "run", manifest)
    (folder / "config.json").write_text("{}")
    metrics = json.loads((folder / "metrics.json").read_text())
    none = {"value": None, "low": None, "high": None}
    metrics = {**metrics, "baselines": {}, "accuracy": none, "macro_f1": none, "roc_auc": none}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    card = Card(write_model_card(folder))
    assert "model-index" not in card.metadata and "library_name" not in card.metadata
    assert (
        "no shortcut baseline was scored" in card.sections["Metrics"]
        and "not recorded" in card.sections["Model details"]
    )
    assert "call run_experiment with the same arguments" in card.sections["How to reproduce"]


@pytest.mark.parametrize("classes", [BINARY_CLASSES, MODALITIES])
def test_other_tasks_have_cards(tmp_path, classes):
    card = Card(write_model_card(full_run(tmp_path / "run", make_manifest(tmp_path / "images", classes), classes)))
    assert ("takes no knowledge of what they show" in card.sections["Intended use"]) == (classes == MODALITIES)
    assert ("tumours missed" in card.sections["Metrics"]) == (classes == BINARY_CLASSES)


def test_overlaps_conflicts_and_patients_are_counted(tmp_path):
    manifest = make_manifest(tmp_path / "images")
    manifest["pixel_hash"] = [f"p{place}" for place in range(len(manifest))]
    other = manifest.index[manifest["label"] == "glioma"][2], manifest.index[manifest["label"] == "no_tumor"][0]
    manifest.loc[list(other), "pixel_hash"] = "same"
    manifest["patient"] = ["7"] * 3 + [""] * (len(manifest) - 3)
    manifest.loc[manifest.index[-2:], "split"] = "overlap"
    manifest["md5"] = "same"
    card = Card(write_model_card(make_run(tmp_path / "run", manifest, protocol="external")))
    data = card.sections["Data and its faults"]
    assert (
        "known for 3 of" in data
        and "1 patient, named by the data set" in data
        and "2 images of the other data set" in data
    )
    assert "1 picture is filed under several labels" in data and "images/0_2.png" in data
    everything, tested = str(len(manifest)), (manifest["split"] == "test").sum()
    assert card.rows["same bytes"][0] == [str(len(manifest) - 1), everything, everything, f"{tested} (100 %)"]
    assert card.rows["same grey pixels"][0][:3] == ["1", "2", "2"]


def test_a_source_is_known_by_its_files_not_by_its_name(manifest):
    from braintumor_tf.datasets.sources.contents import read_contents

    hashes = list(read_contents("navoneel").values())
    rows = manifest.head(40).assign(source="my folder", md5=[f"{one}00" for one in hashes[:40]])
    (row,) = source_rows(rows)
    assert row["declared"] == get_source("navoneel") and "40 of its 40 files" in row["known_by"]
    (row,) = source_rows(rows.assign(source="navoneel", md5="0"))
    assert row["declared"] is None and row["licence"] == "not known here"
    (row,) = source_rows(rows.assign(source="figshare", md5="0"))
    assert row["declared"] == get_source("figshare") and "name alone" in row["known_by"]


def test_what_the_user_named_cannot_break_the_card(tmp_path):
    classes = ("a|b", "*c* <b>x</b>", "no_tumor")
    manifest = make_manifest(tmp_path / "images", classes, images=9)
    name = 'x"\n---\n# y: [z]'
    card = Card(write_model_card(make_run(tmp_path / "run", manifest, classes, model="CNN", dataset=name)))
    assert card.metadata["model-index"][0]["results"][0]["dataset"]["name"] == " ".join(name.split())
    assert "<b>" not in card.body and "&lt;b&gt;x&lt;/b&gt;" in card.body and r"a\|b" in card.body
    assert str(code("<b>`x`")) == r"&lt;b&gt;\`x\`" and str(escape("a &amp; <i>")) == "a &amp;amp; &lt;i&gt;"
    assert str(escape("a\nb_c _d_ $e$")) == r"a b_c \_d\_ \$e\$"
    assert str(code("a`b")) == "`` a`b ``" and str(code("x")) == "`x`"


def test_nothing_is_half_written(run, tmp_path, monkeypatch):
    folder = shutil.copytree(run.path, tmp_path / "run")
    before = (folder / model_card.FILE).read_bytes()
    monkeypatch.setattr(model_card, "citation", lambda config: 1 / 0)
    for write in (write_model_card, write_report):
        with pytest.raises(ZeroDivisionError):
            write(folder)
    assert (folder / model_card.FILE).read_bytes() == before and not (folder / "report.html").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    (folder / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"no metrics\.json"):
        write_model_card(folder)
