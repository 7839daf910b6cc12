"""Simulated stained tissue: colours, determinism, patients, planted copies, the folder on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage.color import rgb_from_hed

from braintumor_tf import leakage, matching
from braintumor_tf.datasets import (
    find_dataset,
    read_ground_truth,
    read_image,
    render_patch,
    write_synthetic,
    write_synthetic_tissue,
)
from braintumor_tf.datasets.synthetic.tissue import dataset as tissue_dataset
from braintumor_tf.datasets.synthetic.tissue import patches as tissue
from braintumor_tf.datasets.synthetic.tissue.nuclei import place_nuclei
from braintumor_tf.errors import DatasetError

SMALL = {"patients": 6, "patches_per_patient": 6, "show_progress": False}
TINY = {"patients": 2, "patches_per_patient": 3, "image_size": 32, "show_progress": False}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tissue")


@pytest.fixture(scope="module")
def scan(data_dir):
    return find_dataset(
        "synthetic_histopathology", data_dir=data_dir, synthetic={**SMALL, "seed": 3}, cache=False, show_progress=False
    )


@pytest.fixture(scope="module")
def images(scan) -> pd.DataFrame:
    """The ground truth in the manifest's order, with the file that each image shows as `shows`."""
    truth = read_ground_truth(scan.root).images.set_index("path")
    keys = [Path(path).relative_to(scan.root).as_posix() for path in scan.manifest["path"]]
    found = truth.loc[keys].reset_index()
    return found.assign(shows=found["copy_of"].fillna(found["path"]))


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("label", tissue.TISSUES)
@pytest.mark.parametrize("size", [None, 32, 50, 96, (60, 70)])
def test_patches_are_square_rgb_bytes(label, size):
    patch = render_patch(label, seed=1, image_size=size)
    assert patch.dtype == np.uint8 and patch.ndim == 3 and patch.shape[2] == 3
    assert patch.shape[0] == patch.shape[1]
    low, high = (50, 96) if size is None else (size, size) if isinstance(size, int) else size
    assert low <= patch.shape[0] <= high
    assert patch.std() > 10


def test_same_seed_same_patch_and_every_index_and_patient_another():
    first = render_patch("idc", seed=4, index=2, image_size=64)
    assert np.array_equal(first, render_patch("idc", seed=4, index=2, image_size=64))
    others = [render_patch("idc", seed=seed, index=index, image_size=64) for seed, index in ((4, 3), (5, 2))]
    assert all(not np.array_equal(first, other) for other in others)


def test_unknown_label_is_refused():
    with pytest.raises(DatasetError, match="no_idc, idc"):
        render_patch("glioma")


def test_stains_are_those_of_ruifrok_and_johnston_give_or_take_a_laboratory():
    assert np.allclose(tissue.HAEMATOXYLIN, (0.65, 0.70, 0.29), atol=0.01)
    assert np.allclose(tissue.EOSIN, (0.07, 0.99, 0.11), atol=0.01)
    slides = [tissue.sample_slide(np.random.default_rng(seed)) for seed in range(200)]
    for vectors, usual, cosine in (
        ([slide.haematoxylin for slide in slides], tissue.HAEMATOXYLIN, 0.97),
        ([slide.eosin for slide in slides], tissue.EOSIN, 0.90),
    ):
        vectors = np.array(vectors)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1) and (vectors > 0).all()
        assert (vectors @ usual / np.linalg.norm(usual)).min() > cosine
        assert vectors.std(axis=0).max() > 0.02, "laboratories differ"


def test_light_is_absorbed_as_scikit_image_has_it():
    """Colour deconvolution with the same vectors gives the concentrations back."""
    concentrations = np.random.default_rng(0).uniform(0, 1.5, (9, 9, 2))
    colour = tissue.absorb(concentrations, rgb_from_hed[:2], np.ones(3))
    back = -np.log(colour) @ np.linalg.inv(rgb_from_hed)
    assert np.allclose(back[..., :2], concentrations) and np.allclose(back[..., 2], 0, atol=1e-9)
    assert np.allclose(tissue.absorb(np.zeros((2, 2, 2)), rgb_from_hed[:2], np.array([0.9, 0.8, 0.7])), [0.9, 0.8, 0.7])


def test_more_stain_is_darker_and_never_brighter_than_the_empty_slide():
    vectors, light = rgb_from_hed[:2], np.array([0.95, 0.94, 0.96])
    weak, strong = (tissue.absorb(np.full((1, 2), amount), vectors, light) for amount in (0.3, 0.9))
    assert (strong < weak).all() and (weak < light).all()


@pytest.mark.parametrize("label", tissue.TISSUES)
def test_tissue_is_pink_to_purple(label):
    for seed in range(6):
        red, green, blue = render_patch(label, seed=seed, image_size=64).reshape(-1, 3).mean(axis=0)
        assert green < red and green < blue, "both stains take green light away most"


def test_carcinoma_has_more_nuclei():
    """Nuclei take up haematoxylin, which alone takes much of the red light away."""
    red = {
        label: [render_patch(label, seed=s, image_size=64)[..., 0].mean() for s in range(12)]
        for label in tissue.TISSUES
    }
    assert np.mean(red["idc"]) < np.mean(red["no_idc"]) - 25


def test_nuclei_keep_their_distance_and_those_of_carcinoma_are_larger_and_more_varied():
    everywhere, sizes = np.ones((300, 300)), {}
    for malignant in (False, True):
        found = place_nuclei(300, 6, 0.45, everywhere, everywhere > 0, 0.0, malignant, np.random.default_rng(0))
        radius = (found.long + found.short) / 2
        gaps = np.hypot(*(places[:, None] - places[None] for places in (found.rows, found.columns)))
        gaps[np.diag_indices(len(found))] = np.inf
        assert len(found) > 100 and (gaps > 0.9 * (radius[:, None] + radius[None])).all()
        sizes[malignant] = radius
        inside, stain = found.painted(300)
        assert inside.shape == (300, 300) and inside.min() >= 0 and inside.max() <= 1
        assert (stain[inside > 0.5] > 0.4).all()
    assert sizes[True].mean() > 1.1 * sizes[False].mean()
    assert sizes[True].std() > 1.5 * sizes[False].std()


def test_nuclei_between_fibres_are_few_and_lie_along_them():
    stroma, room = np.zeros((300, 300)), np.ones((300, 300), bool)
    room[:, 150:] = False
    found = place_nuclei(300, 6, 0.45, stroma, room, 0.7, False, np.random.default_rng(0))
    assert 5 < len(found) < 100 and (found.columns < 150).all()
    assert abs(np.median(found.angle) - 0.7) < 0.15
    assert np.median(found.long / found.short) > 2


def test_folder_is_laid_out_as_the_public_set(scan, images):
    assert len(scan.manifest) == 6 * 6 + 6 + 6 + 2 and scan.unreadable.empty
    assert scan.manifest["label"].tolist() == images["label"].tolist()
    assert scan.manifest["patient"].tolist() == [str(number) for number in images["patient"]]
    assert scan.manifest["patient"].nunique() == 6
    assert set(scan.manifest["split"]) == {""} and set(scan.manifest["source"]) == {"synthetic_histopathology"}
    for row in images.itertuples():
        folder = {"no_idc": "0", "idc": "1"}[row.label]
        assert row.path.startswith(f"{row.patient}/{folder}/{row.patient}_idx5_x")
        assert row.path.endswith(f"_class{folder}.png")
        assert read_image(scan.root / row.path, grey=False).shape == (row.height, row.width, 3)


def test_planted_copies_are_what_the_ground_truth_says(scan, images):
    copies = read_ground_truth(scan.root).copies
    assert copies["kind"].value_counts().to_dict() == {"byte_copy": 6, "reencoded_copy": 6, "label_conflict": 2}
    by_path = images.set_index("path")
    for copy in copies.itertuples():
        one, other = by_path.loc[copy.copy], by_path.loc[copy.original]
        same = (scan.root / copy.copy).read_bytes() == (scan.root / copy.original).read_bytes()
        assert same == copy.same_bytes
        assert (one["label"] != other["label"]) == (copy.kind == "label_conflict")
        assert one["true_patient"] == other["patient"] == other["true_patient"]
    moved = images[images["patient"] != images["true_patient"]]
    assert len(moved) == 6, "every other copy is filed under another patient"


def test_near_duplicates_are_found_and_texture_is_not_taken_for_one(scan, images):
    """Two patches of like texture are no near-duplicates; the planted copies are, even under another patient."""
    pairs = matching.near_pairs(scan.manifest, show_progress=False)
    shows = images["shows"].to_numpy()
    assert (shows[pairs["first"]] == shows[pairs["second"]]).all()
    assert len(pairs) == 14
    grouped = leakage.group(scan.manifest, show_progress=False)
    assert grouped.groupby(images["true_patient"])["group"].nunique().eq(1).all()
    assert grouped["group"].nunique() == 5, "two of six patients are tied by copies"


def test_patients_differ_more_than_the_patches_of_one(scan, images):
    """A slide has stains of its own: mean colour says more about the patient than about the patch."""
    own = images["copy_of"].isna() & (images["label"] == "no_idc")
    colour = pd.DataFrame(
        [np.median(read_image(scan.root / path, grey=False), axis=(0, 1)) for path in images.loc[own, "path"]],
        index=images.index[own],
    )
    patient = images.loc[own, "patient"]
    within = colour.groupby(patient).var().mean().mean()
    between = colour.groupby(patient).mean().var().mean()
    assert between > within


def test_same_bytes_whatever_the_workers_and_other_bytes_for_another_seed(scan, tmp_path):
    again = write_synthetic_tissue(tmp_path / "again", seed=3, workers=1, **SMALL)
    assert hashes(again) == hashes(scan.root)
    first, second = (write_synthetic_tissue(tmp_path / str(seed), seed=seed, **TINY) for seed in (1, 2))
    assert hashes(first) != hashes(second)


def test_complete_set_is_reused_and_other_content_refused(tmp_path, monkeypatch):
    folder = write_synthetic_tissue(tmp_path / "set", **TINY)
    with pytest.raises(DatasetError, match="other seed"):
        write_synthetic_tissue(folder, seed=9, **TINY)
    with pytest.raises(DatasetError, match="synthetic set with other"):
        write_synthetic(folder, patients_per_class=1, show_progress=False)
    monkeypatch.setattr(tissue_dataset, "draw_patch", lambda *_: pytest.fail("drawn again"))
    assert write_synthetic_tissue(folder, **TINY) == folder
    (folder / read_ground_truth(folder).images["path"][0]).unlink()
    with pytest.raises(DatasetError, match="missing or was changed"):
        write_synthetic_tissue(folder, **TINY)


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(tissue_dataset, "draw_patch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_synthetic_tissue(tmp_path / "set", **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("patients", 1), ("patches_per_patient", 2), ("seed", -1), ("byte_copies", -1), ("image_size", 20)],
)
def test_settings_out_of_range_are_named(tmp_path, setting, value):
    with pytest.raises(DatasetError, match=setting):
        write_synthetic_tissue(tmp_path / "set", **{**TINY, setting: value})
    assert not (tmp_path / "set").exists()


def test_files_hold_the_pixels_that_were_drawn(tmp_path):
    folder = write_synthetic_tissue(tmp_path / "set", byte_copies=0, reencoded_copies=0, label_conflicts=0, **TINY)
    paths = read_ground_truth(folder).images["path"]
    assert len(paths) == 6
    assert {Image.open(folder / path).size for path in paths} == {(32, 32)}
