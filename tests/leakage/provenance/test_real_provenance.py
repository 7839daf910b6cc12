"""What is known of where Sartaj's and masoud's images come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from braintumor_tf.identity import load
from braintumor_tf.leakage.provenance import find_provenance

FIGSHARE_MENINGIOMAS = {
    *(f"Testing/pituitary_tumor/image({number}).jpg" for number in (73, 76, 77, 78, 79, 81, 82, 85, 86)),
    "Testing/pituitary_tumor/image.jpg",
    *(f"Training/pituitary_tumor/p ({number}).jpg" for number in (138, 564, 569, 570)),
}
"""Sartaj's pituitary tumours that figshare calls meningioma, by the correlation of thumbnails."""

OTHER_FRAME = {f"Testing/pituitary_tumor/image({number}).jpg" for number in (1, 2, 3)}
"""Figshare's meningioma 448 in another frame, which thumbnails miss."""

pytestmark = pytest.mark.real_data


def test_the_provenance_of_sartaj(real_data):
    """2,345 images are figshare pictures (by the correlation of thumbnails, without the shipped table)."""
    found = find_provenance(load(real_data / "sartaj", show_progress=False).manifest)
    figshare = next(row for row in found.origins if row["origin"] == "figshare")
    assert 0.995 * 844 <= figshare["glioma"] <= 844 and 0.995 * 679 <= figshare["meningioma"] <= 679
    assert 0.995 * 822 <= figshare["pituitary"] <= 822 + len(OTHER_FRAME) and figshare["no_tumor"] == 0
    assert {(row["label"], row["origin_label"]) for row in found.contradictions} == {("pituitary", "meningioma")}
    files = {"/".join(Path(row["path"]).parts[-3:]) for row in found.contradictions}
    assert files - OTHER_FRAME == FIGSHARE_MENINGIOMAS
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
