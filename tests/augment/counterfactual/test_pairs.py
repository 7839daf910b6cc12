"""Counterfactual pairs: balanced within each head and each source, of training images alone, donors of other people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.augment.counterfactual import check_seams, make_pairs
from braintumor_tf.augment.counterfactual.donors import Donors, appearance
from braintumor_tf.datasets import read_image
from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.lesions import LesionBox, find_masks, read_mask


def test_within_each_head_and_each_source_both_labels_are_equally_frequent(pairs):
    healthy = pairs.manifest["label"] == NO_TUMOR
    for key in ("base", "source"):
        assert (healthy.groupby(pairs.manifest[key]).mean() == 0.5).all(), key
    assert set(pairs.manifest["label"]) == {"glioma", "meningioma", "pituitary", NO_TUMOR}


def test_every_training_image_is_in_pairs_or_left_out_with_a_reason(pairs, manifest):
    train = set(manifest.loc[manifest["split"] == "train", "path"])
    assert set(pairs.manifest["base"]) | set(pairs.left_out["path"]) == train
    assert not set(pairs.manifest["base"]) & set(pairs.left_out["path"])
    counts = pairs.to_dict()
    assert counts["pictures"] == len(pairs.manifest) == 2 * pairs.manifest["base"].nunique()
    assert counts["removed"] > 25 and counts["pasted"] > 7 and counts["refilled"] > 5 and counts["patched"] > 2
    assert sum(counts["left_out"].values()) == len(pairs.left_out) < 0.2 * len(train)
    assert set(pairs.left_out["reason"]) <= {
        "its lesion is not known", "no room beside so large a lesion", "no lesion of another person fits",
    }  # fmt: skip


def test_donors_are_training_images_of_other_people(pairs, manifest):
    rows, by_path = pairs.manifest[pairs.manifest["donor"] != ""], manifest.set_index("path")
    assert len(rows) > 10
    donors = by_path.loc[rows["donor"]]
    assert (donors["split"] == "train").all()
    assert (donors["patient"].to_numpy() != rows["patient"].to_numpy()).all()
    assert (donors["group"].to_numpy() != rows["group"].to_numpy()).all()
    pasted = rows["edit"] == "pasted"
    assert (donors["label"].to_numpy()[pasted] == rows["label"][pasted]).all(), "a tumour of the donor's class"
    assert (donors["label"].to_numpy()[~pasted] == NO_TUMOR).all()


def test_no_donor_is_left_where_all_are_of_the_same_person():
    manifest = pd.DataFrame(
        {"label": ["glioma"] * 3, "patient": ["a", "a", "b"], "source": "s", "group": ["1", "1", "2"]}
    )
    donors = Donors.of(manifest, [0, 1, 2], np.zeros((3, 4)))
    draw = lambda person, group: donors.draw(person, group, np.zeros(4), np.random.default_rng(0))  # noqa: E731
    assert draw("s:a", "1") == 2 and draw("s:b", "2") in (0, 1)
    assert draw("s:a", "2") is None, "the same person, or the same group"


def test_the_donor_looks_like_the_head():
    looks = np.eye(4, dtype=np.float32)
    manifest = pd.DataFrame({"label": ["glioma"] * 4, "patient": list("abcd"), "source": "s", "group": list("1234")})
    donors = Donors.of(manifest, range(4), looks)
    assert [donors.draw("", "", looks[place], np.random.default_rng(place)) for place in range(4)] == [0, 1, 2, 3]
    image = np.zeros((100, 120), np.uint8)
    image[15:85, 20:100] = 60 + np.arange(80)
    moved = np.pad(image, ((0, 40), (30, 0)))
    assert float(appearance(image) @ appearance(moved)) > 0.95, "wherever the head lies"


def test_lesions_are_gone_where_they_were_taken_out_and_boxed_where_they_were_put_in(pairs, manifest):
    masks = find_masks(manifest.set_index("path", drop=False))
    gone = []
    for row in pairs.manifest[pairs.manifest["edit"] == "removed"].itertuples():
        before, after = read_image(row.base), read_image(row.path)
        lesion = read_mask(masks[row.base], before.shape)
        gone.append(np.abs(before.astype(float) - after)[lesion].mean())
        assert row.lesion_box == "" and row.label == NO_TUMOR
    assert np.median(gone) > 10
    for row in pairs.manifest[pairs.manifest["edit"] == "pasted"].itertuples():
        before, after = read_image(row.base).astype(float), read_image(row.path)
        inside = LesionBox.of(row.lesion_box).mask(before.shape)
        change = np.abs(after - before)
        assert change[inside].mean() > 5 * change[~inside].mean()


def test_pairs_are_decided_by_seed_and_content_and_not_by_order_or_split(pairs, manifest, tmp_path):
    some = manifest[manifest["split"] == "train"]
    bases = some["path"].iloc[:: len(some) // 6]
    shuffled = manifest.sample(frac=1, random_state=1).assign(split=lambda rows: rows["split"].replace("test", "other"))
    again = make_pairs(shuffled, tmp_path / "again", seed=3, show_progress=False).manifest
    other = make_pairs(manifest, tmp_path / "other", seed=4, show_progress=False).manifest

    def pixels(table: pd.DataFrame, base: str) -> list:
        rows = table[table["base"] == base].sort_values(["label", "edit"])
        return [
            (row.label, row.edit, row.donor, row.lesion_box, read_image(row.path).tobytes())
            for row in rows.itertuples()
        ]

    assert all(pixels(again, base) == pixels(pairs.manifest, base) for base in bases)
    assert any(pixels(other, base) != pixels(pairs.manifest, base) for base in bases)


def test_the_share_of_controls_and_the_number_of_pairs(manifest, tmp_path):
    few = manifest[manifest["group"].isin(manifest.loc[manifest["split"] == "train", "group"].unique()[::3])]
    none = make_pairs(few, tmp_path / "none", controls=0, show_progress=False).manifest
    every = make_pairs(few, tmp_path / "all", controls=1, pairs=2, show_progress=False).manifest
    assert not none["edit"].isin(["refilled", "patched"]).any()
    kept = every[every["edit"] == ""]
    assert len(kept) < 0.15 * len(every), "only where a control fits nowhere"
    healthy = few.loc[(few["split"] == "train") & (few["label"] == NO_TUMOR), "path"]
    counts = every[every["base"].isin(healthy)].groupby("base")["edit"].count()
    assert set(counts) <= {2, 4} and (counts == 4).any()


def test_without_known_lesions_there_are_no_pairs(manifest, tmp_path):
    with pytest.raises(DatasetError, match=r"no training image has a known lesion.*lesion_box"):
        make_pairs(manifest[manifest["label"] == NO_TUMOR], tmp_path, show_progress=False)


def test_a_detector_of_seams_does_not_tell_counterfactual_pictures_from_controls(pairs):
    found = check_seams(pairs.manifest)
    assert 0.35 < found.separates < 0.65 and found.pictures == len(pairs.manifest)


def test_the_detector_finds_a_seam_where_there_is_one(pairs, tmp_path):
    """Noise on a part of the controls alone: found, and counterfactual pictures are told from controls by it."""
    rows, controls = pairs.manifest.copy(), pairs.manifest["edit"].isin(["refilled", "patched"])
    for place, row in enumerate(rows[controls].itertuples()):
        image = read_image(row.path)
        part = image[30:90, 30:90]
        part[:] = np.clip(part + np.random.default_rng(place).normal(0, 40, part.shape), 0, 255)
        path = tmp_path / f"{place}.png"
        Image.fromarray(image).save(path)
        rows.loc[row.Index, "path"] = str(path)
    found = check_seams(rows)
    assert found.detects > 0.8 and found.separates < 0.25
