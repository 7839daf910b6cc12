"""``doctor``: what is there, what is wrong, and the command that mends it."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata

import pytest

from braintumor_tf.cli import doctor
from tests.calling import call


@pytest.fixture
def healthy(tmp_path, monkeypatch):
    """A place of its own for weights, cache and data, and nothing that the machine could lack."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "LEAST_FREE", 0)
    monkeypatch.setattr(doctor, "_answer", lambda words, seconds: [])
    return tmp_path


def test_it_says_what_is_there_and_that_nothing_is_wrong(healthy):
    (healthy / "data" / "sartaj").mkdir(parents=True)
    (healthy / "cache").mkdir()
    (healthy / "cache" / "images.sqlite").write_bytes(b"x" * 3_000_000)
    answer = call("doctor", "--data-dir", healthy / "data", "--json")
    found = json.loads(answer.stdout)
    assert answer.exit_code == 0 and found["problems"] == [], answer.output
    assert found["versions"]["numpy"] == metadata.version("numpy")
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cache"] == {"path": str(healthy / "cache"), "bytes": 3_000_000}
    assert {row["name"] for row in found["datasets"] if row["path"]} == {"sartaj"}
    assert {"EfficientNetLite0", "MobileNetV2"} & {row["model"] for row in found["weights"]} == {"EfficientNetLite0"}
    assert {"name": "notebooks", "missing": []} in found["extras"]
    text = call("doctor", "--data-dir", healthy / "data").stdout
    assert "3.0 MB" in text and text.endswith("Nothing is wrong.\n")


def test_each_fault_has_a_command_that_mends_it(healthy, monkeypatch):
    (healthy / "models").mkdir()
    weights = healthy / "models" / "efficientnetb0_notop.h5"
    weights.write_bytes(b"half a download")
    (healthy / "file").write_text("")
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(healthy / "file" / "cache"))
    asked = {"nvidia-smi": ["Card 9"], sys.executable: ["device: CPU:0 "]}
    monkeypatch.setattr(doctor, "_answer", lambda words, seconds: asked[words[0]])
    versions = {"scipy": "2.1", "tqdm": ""}
    there = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, there(name)))
    answer = call("doctor", "--json", "--devices")
    mended = {row["what"]: row["mend"] for row in json.loads(answer.stdout)["problems"]}
    assert answer.exit_code == 1
    assert mended["the weights of EfficientNetB0 are damaged"] == (
        f"rm '{weights}' && braintumor-tf models fetch EfficientNetB0"
    )
    assert mended["TensorFlow does not see Card 9"] == "pip install 'braintumor_tf[gpu]'"
    assert mended["scipy<2,>=1.13 is needed, 2.1 is installed"] == "pip install 'scipy<2,>=1.13'"
    assert mended["tqdm>=4.66 is needed, nothing is installed"] == "pip install 'tqdm>=4.66'"
    assert any("cannot be written" in what and "BRAINTUMOR_TF_CACHE" in mend for what, mend in mended.items())
    assert len(mended) == 5


def test_what_tensorflow_logs_is_hidden_unless_asked_for(monkeypatch):
    for words, level in ((["models", "--help"], "3"), (["--verbose", "models", "--help"], "0")):
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        assert call(*words).exit_code == 0 and os.environ["TF_CPP_MIN_LOG_LEVEL"] == level
