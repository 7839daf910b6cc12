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


def test_audit_writes_a_page(leaky, tmp_path):
    page = tmp_path / "out" / "audit.html"
    result = CliRunner().invoke(main, ["audit", str(leaky), "--html", str(page)])
    assert result.exit_code == 0 and "<html" in page.read_text(encoding="utf-8")
