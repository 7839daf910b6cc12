"""Several data sets on the command line: merged for train, search, audit, evaluate and run, or as a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from braintumor_tf.datasets import scan
from braintumor_tf.report.pages.audit import write_audit_page
from braintumor_tf.runs import Run
from tests.calling import call
from tests.leakage.conftest import picture, save


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Path, Path]:
    """Twelve pictures of two classes, twelve in other spellings, and two turned and smaller copies of the first."""
    folder = tmp_path_factory.mktemp("parts")
    for number in range(24):
        name = ("one", "two")[number // 12]
        label = (("Training/glioma", "Training/normal"), ("glioma_tumor", "notumor"))[number // 12][number % 2]
        save(picture(number, 64), folder / name / label / f"{number % 12}.png")
    for number in range(2):
        save(
            picture(number, 64).rotate(90).resize((48, 48)),
            folder / "two" / ("glioma_tumor", "notumor")[number] / f"copy{number}.png",
        )
    return folder / "one", folder / "two"


@pytest.fixture(scope="module")
def merged_run(parts, tmp_path_factory) -> tuple[Result, Run]:
    words = ["--model", "PCA", "--image-size", 16, "--no-baselines", "--no-link", "--drop-copies"]
    words += [word for part in parts for word in ("--dataset", part)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        result = call("train", *words)
        return result, Run(Path("models/PCA_one+two_grouped_0").resolve())


def test_train_names_all_data_sets_in_run_and_configuration(merged_run, parts):
    result, run = merged_run
    assert result.exit_code == 0, result.stderr
    config = run.config
    assert config["dataset"] == [str(part) for part in parts]
    assert [(part["name"], part["images"], part["left_out"]) for part in config["merge"]["parts"]] == [
        ("one", 12, 0), ("two", 14, 2),
    ]  # fmt: skip
    assert config["merge"]["left_out"] == 2 and len(run.manifest) == 24
    assert run.manifest["source"].value_counts().to_dict() == {"one": 12, "two": 12}
    assert "24 images of 2 data sets: 12 of one and 12 of two." in result.stderr.splitlines()


def test_report_and_card_name_each_source_with_its_count(merged_run):
    _, run = merged_run
    counts = pd.crosstab(run.manifest["source"], run.manifest["split"]).loc["two"]
    page, card = ((run.path / name).read_text(encoding="utf-8") for name in ("report.html", "MODEL_CARD.md"))
    shown = ", ".join(f"{counts[name]} {name}" for name in ("train", "validation", "test") if counts[name])
    assert f"two with 12 images ({shown})" in page and "PCA on one + two" in page
    assert "| one | 12 |" in card and "| two | 12 |" in card and "name: one + two" in card
    for text in (page, card):
        assert "2 copies are left out (0 of one and 2 of two)" in text
        assert "Labels of two in one spelling: glioma_tumor is glioma, notumor is no_tumor." in text


def test_evaluate_scores_on_several_data_sets_at_once(merged_run, tmp_path):
    _, run = merged_run
    others = []
    for name, start in (("three", 30), ("four", 40)):
        for number in range(4):
            save(picture(start + number, 64), tmp_path / name / ("glioma", "no")[number % 2] / f"{number}.png")
        others += ["--dataset", tmp_path / name]
    result = call("evaluate", run.path, *others, "--no-baselines", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["dataset"] == [str(tmp_path / "three"), str(tmp_path / "four")] and found["images"] == 8


def test_audit_of_several_says_what_they_share(parts, tmp_path):
    words = ("audit", parts[0], "--dataset", parts[1], "--no-link")
    result = call(*words)
    assert result.exit_code == 0, result.stderr
    line = "2 images of two have a near-duplicate in one (2 the same picture); of one 2 in two."
    assert result.stdout.startswith(f"{parts[0]} + {parts[1]}: 26 images") and line in result.stdout.splitlines()
    found = json.loads(call(*words, "--json").stdout)
    assert found["merge"]["between"][0]["picture"] == {"images": 2, "ours": 2} and found["images"] == 26
    page = write_audit_page(found, tmp_path / "audit.html").read_text(encoding="utf-8")
    assert line in page and "<h1>one + two</h1>" in page
    dropped = json.loads(call(*words, "--json", "--drop-copies").stdout)
    assert dropped["images"] == 24 and dropped["picture"]["redundant_files"] == 0
    assert [Path(row["kept"]).name for row in dropped["merge"]["left_out"]] == ["0.png", "1.png"]


def test_search_and_run_take_several_data_sets_too(parts, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "braintumor_tf.training.run_search", lambda manifest, *_, **how: asked.append((manifest, how)) or 1 / 0
    )
    both = [word for part in parts for word in ("--dataset", part)]
    monkeypatch.chdir(tmp_path)
    call("search", "--model", "CNN", *both, "--no-link", "--drop-copies")
    [(manifest, how)] = asked
    assert len(manifest) == 24 and how["out"] == Path("models/search_CNN_one+two_grouped_0")

    def keep(*_, **how):
        asked.append(how)
        return []

    monkeypatch.setattr("braintumor_tf.notebooks.runner.run_notebooks", keep)
    result = call("run", "01", *both, "--no-link", "--out", "out")
    assert result.exit_code == 0, result.stderr
    assert asked[-1]["dataset"] == str(tmp_path / "out" / "one+two.csv")
    again = scan(asked[-1]["dataset"], show_progress=False).manifest
    assert again["source"].value_counts().to_dict() == {"one": 12, "two": 14}


def test_datasets_merge_writes_a_folder_that_commands_take(parts, tmp_path):
    out = tmp_path / "both"
    words = ("datasets", "merge", *parts, "--out", out, "--no-link")
    result = call(*words, "--drop-copies", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["out"] == str(out) and found["images"] == 24 and len(found["left_out"]) == 2
    audited = json.loads(call("audit", out, "--no-link", "--json").stdout)
    assert (audited["root"], audited["images"]) == (str(out), 24)
    again = call(*words)
    assert again.exit_code == 1 and "holds something already" in again.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["datasets", "merge", "{one}", "--out", "x"], 2, "two data sets or more"),
        (["datasets", "merge", "{one}", "{one}", "--out", "{one}"], 1, "holds something already"),
        (["datasets", "merge", "{one}", "/no/such/set", "--out", "x"], 1, "neither a folder"),
        (["train", "--model", "PCA", "--dataset", "{one}", "--drop-copies"], 2, "--drop-copies goes with several"),
        (["search", "--model", "CNN", "--dataset", "{one}", "--drop-copies"], 2, "--drop-copies goes with several"),
        (["audit"], 2, "give DIR"),
        (["audit", "{one}", "--drop-copies"], 2, "--drop-copies goes with several"),
        (["run", "01", "--dataset", "{one}", "--binary"], 2, "--binary goes with several"),
        (["train", "--resume", "x", "--dataset", "a", "--dataset", "b"], 2, "leave out --dataset"),
    ],
)
def test_mistakes_are_answered_before_images_are_read(words, code, message, parts, monkeypatch):
    monkeypatch.setattr("braintumor_tf.datasets.manifest.describe", lambda *_: pytest.fail("an image was read"))
    result = call(*[word.format(one=parts[0]) for word in words])
    assert result.exit_code == code and message in result.stderr, result.stderr


def test_tumour_or_not_beside_types_is_refused_and_binary_says_how(parts, tmp_path):
    for number in range(4):
        save(picture(60 + number, 64), tmp_path / "coarse" / ("yes", "no")[number % 2] / f"{number}.png")
    words = ("audit", parts[0], "--dataset", tmp_path / "coarse", "--no-link")
    result = call(*words)
    assert result.exit_code == 1 and "--binary" in result.stderr and len(result.stderr.strip().splitlines()) == 1
    found = json.loads(call(*words, "--binary", "--json").stdout)
    assert found["merge"]["binary"] and found["merge"]["parts"][1]["classes"] == {"no_tumor": 2, "tumor": 2}
