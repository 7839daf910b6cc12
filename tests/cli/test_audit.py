"""The command ``audit``: its exit codes, its JSON, its page."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from braintumor_tf.cli.main import main
from tests.leakage.conftest import picture, save


@pytest.fixture
def leaky(tmp_path):
    for where in ("train", "test"):
        for number in range(3):
            save(picture(number), tmp_path / "set" / where / "glioma" / f"{number}.png")
    return tmp_path / "set"


def test_audit_prints_json_and_fails_on_a_leak(leaky):
    result = CliRunner().invoke(main, ["audit", str(leaky), "--json", "--fail-on", "leak"])
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert report["images"] == 6 and report["near"]["test_with_train_twin"] == 3


def test_audit_of_a_clean_folder_succeeds(tmp_path):
    for number in range(4):
        save(picture(number), tmp_path / "set" / ("train", "test")[number % 2] / "glioma" / f"{number}.png")
    result = CliRunner().invoke(main, ["audit", str(tmp_path / "set"), "--fail-on", "leak"])
    assert result.exit_code == 0 and "No test image has a near-duplicate in training" in result.stdout


def test_a_patient_in_training_and_in_test_is_a_leak(tmp_path):
    rows = ["path,label,split,patient"]
    for number in range(8):
        path = save(picture(number), tmp_path / f"{number}.png")
        rows.append(f"{path.name},{('glioma', 'no_tumor')[number % 2]},{('train', 'test')[number // 4]},p{number}")
    table = tmp_path / "set.csv"
    table.write_text("\n".join(rows))
    arguments = ["audit", str(table), "--fail-on", "leak"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    table.write_text("\n".join(rows).replace(",p6", ",p0"))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 3
    assert "LEAK: 1 of the 4 test images with a known patient have that patient in training" in result.stdout
    assert "No test image has a near-duplicate in training." in result.stdout
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert (found["leak"], found["leaking"], found["near"]["test_with_train_twin"]) == (True, 1, 0)
    [row] = found["provenance"]["patients"]["crossing"]
    assert (row["train"], row["test"], row["test_paths"]) == (1, 1, [str(tmp_path / "6.png")])


def test_suspicious_labels_are_listed_on_demand(tmp_path):
    for number in range(16):
        save(picture(number), tmp_path / "set" / ("glioma", "no_tumor")[number % 2] / f"{number}.png")
    plain = json.loads(CliRunner().invoke(main, ["audit", str(tmp_path / "set"), "--json"]).stdout)
    found = json.loads(CliRunner().invoke(main, ["audit", str(tmp_path / "set"), "--json", "--labels"]).stdout)
    assert "label_issues" not in plain
    assert found["label_issues"]["images"] == 16 and 0 <= found["label_issues"]["accuracy"] <= 1
    text = CliRunner().invoke(main, ["audit", str(tmp_path / "set"), "--labels"]).stdout
    assert f"{len(found['label_issues']['issues'])} suspicious labels" in text


def test_without_cleanlab_labels_are_refused_before_the_folder_is_looked_at(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["audit", "no/such/folder", "--labels"])
    assert result.exit_code == 1 and len(result.stderr.strip().splitlines()) == 1
    assert 'pip install "braintumor_tf[labels]"' in result.stderr


def test_without_linking_it_is_said_that_nobody_looked(leaky):
    assert "The origin of no image is known." in CliRunner().invoke(main, ["audit", str(leaky)]).stdout
    assert (
        "Published pictures were not looked for." in CliRunner().invoke(main, ["audit", str(leaky), "--no-link"]).stdout
    )


def test_audit_writes_a_page(leaky, tmp_path):
    page = tmp_path / "out" / "audit.html"
    result = CliRunner().invoke(main, ["audit", str(leaky), "--html", str(page)])
    assert result.exit_code == 0 and "<html" in page.read_text(encoding="utf-8")
