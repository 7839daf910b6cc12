"""What is known of where Sartaj's and masoud's images come from."""

from __future__ import annotations

import pytest

from braintumor_tf.identity import load
from braintumor_tf.leakage.provenance import find_provenance

pytestmark = pytest.mark.real_data


def test_the_provenance_of_sartaj(real_data):
    """2,345 images are figshare pictures (by the correlation of thumbnails, without the shipped table)."""
    found = find_provenance(load(real_data / "sartaj", show_progress=False).manifest)
    figshare = next(row for row in found.origins if row["origin"] == "figshare")
    assert 0.995 * 844 <= figshare["glioma"] <= 844 and 0.995 * 679 <= figshare["meningioma"] <= 679
    assert 0.995 * 822 <= figshare["pituitary"] <= 822 and figshare["no_tumor"] == 0
    contradicted = {(row["label"], row["origin_label"]) for row in found.contradictions}
    assert contradicted == {("pituitary", "meningioma")} and len(found.contradictions) == 14
    assert [row.label for row in found.classes if row.confounded] == ["no_tumor"]
    patients = found.patients
    assert patients.test_images >= 27 and patients.test_in_training == patients.test_images
    assert sum(row["test"] for row in patients.crossing) == patients.test_in_training


def test_class_and_origin_are_confounded_in_masoud(real_data):
    found = find_provenance(load(real_data / "masoud" / "Testing", show_progress=False).manifest)
    assert found.confounded is True
    [healthy] = [row for row in found.classes if row.label == "no_tumor"]
    assert healthy.confounded and healthy.balanced_accuracy > 0.9
    assert any(sentence.startswith("CONFOUNDED: the origin alone tells no_tumor") for sentence in found.sentences)
