"""What counts as a near-duplicate: pictures whose distances and correlations imagehash and NumPy compute apart."""

from __future__ import annotations

from itertools import combinations

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.leakage import audit, group
from braintumor_tf.matching import near_pairs
from tests.leakage.conftest import save

SIDE = 64
"""The side of a thumbnail, so that a picture is its own thumbnail."""

BITS, ALIKE, SAME = 8, 0.9, 0.99
"""What the README says: at most so many bits apart and correlated so much; and from where it is the same picture."""


def waves(seed: int) -> np.ndarray:
    """A random sum of slow cosines, in 0..1."""
    weights = np.random.default_rng(seed).normal(size=(7, 7)) / (1 + np.add.outer(np.arange(7), np.arange(7)))
    basis = np.cos(np.pi * np.outer(np.arange(7), np.arange(SIDE) + 0.5) / SIDE)
    made = basis.T @ weights @ basis
    return (made - made.min()) / np.ptp(made)


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.uint8(np.rint(np.clip(values, 0, 1) * 255)))


def blends(seed: int) -> list[Image.Image]:
    """A picture and itself with ever more of another one: the hash changes with the picture."""
    return [grey((1 - share) * waves(seed) + share * waves(seed + 50)) for share in np.linspace(0, 0.5, 14)]


def shaded(seed: int) -> list[Image.Image]:
    """A picture under an ever steeper slope of light: the hash hardly changes, and the correlation falls."""
    return [grey(0.5 * waves(seed) + slope * np.linspace(0, 1, SIDE)) for slope in np.linspace(0, 0.5, 14)]


def measures(pictures: list[Image.Image]) -> dict[tuple[int, int], tuple[int, float]]:
    """For every two pictures the bits in which their hashes differ, and the correlation of their pixels."""
    hashes = [imagehash.phash(image) for image in pictures]
    alike = np.corrcoef([np.asarray(image, float).ravel() for image in pictures])
    return {(a, b): (int(hashes[a] - hashes[b]), alike[a, b]) for a, b in combinations(range(len(pictures)), 2)}


def scanned(folder, pictures: list[Image.Image]) -> pd.DataFrame:
    for number, image in enumerate(pictures):
        save(image, folder / "glioma" / f"{number:03}.png")
    return scan(folder, cache=False, show_progress=False).manifest


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    made = [image for seed in range(4) for image in (*blends(seed), *shaded(seed))]
    return list({image.tobytes(): image for image in made}.values())


@pytest.fixture(scope="module")
def measured(pictures) -> dict[tuple[int, int], tuple[int, float]]:
    """The measures of every two pictures; none lies where rounding would decide."""
    pairs = measures(pictures)
    near = [alike for bits, alike in pairs.values() if bits <= 12]
    assert min(abs(alike - edge) for alike in near for edge in (ALIKE, ALIKE + 0.05, SAME)) > 1e-6
    return pairs


def components(count: int, pairs) -> set[frozenset[int]]:
    """The connected sets of numbers, by joining two sets for each pair."""
    sets = {number: frozenset([number]) for number in range(count)}
    for a, b in pairs:
        joined = sets[a] | sets[b]
        sets.update(dict.fromkeys(joined, joined))
    return set(sets.values())


def parts(names: pd.Series) -> set[frozenset[int]]:
    """The positions that share a name."""
    return {frozenset(np.flatnonzero(names == name)) for name in set(names)}


def test_the_pictures_tell_every_threshold_near_the_right_one_apart(measured):
    found = list(measured.values())
    assert {2, 4, 6, 8, 10, 12} <= {bits for bits, alike in found if alike >= ALIKE}
    near = [alike for bits, alike in found if bits <= BITS]
    for low, high in ((0, 0.8), (0.8, 0.89), (0.89, ALIKE), (ALIKE, 0.91), (0.91, 0.95), (0.98, SAME), (SAME, 0.995)):
        assert any(low <= alike < high for alike in near), (low, high)


def test_pairs_are_those_within_eight_bits_that_correlate_at_nine_tenths(tmp_path, pictures, measured):
    pairs = near_pairs(scanned(tmp_path, pictures), poses=False, show_progress=False)
    expected = {pair: found for pair, found in measured.items() if found[0] <= BITS and found[1] >= ALIKE}
    assert list(zip(pairs["first"], pairs["second"])) == sorted(expected)
    assert pairs["distance"].tolist() == [expected[pair][0] for pair in sorted(expected)]
    np.testing.assert_allclose(pairs["correlation"], [expected[pair][1] for pair in sorted(expected)], atol=1e-5)


def test_groups_are_what_such_pairs_connect(tmp_path, pictures, measured):
    names = group(scanned(tmp_path, pictures), poses=False, show_progress=False)["group"]
    near = [pair for pair, (bits, alike) in measured.items() if bits <= BITS and alike >= ALIKE]
    assert parts(names) == components(len(pictures), near)


@pytest.mark.parametrize(("bits", "alike"), [(4, 0.95), (12, 0.9), (8, -1.0)])
def test_other_thresholds_are_obeyed(tmp_path, pictures, measured, bits, alike):
    manifest = scanned(tmp_path, pictures)
    names = group(manifest, distance=bits, correlation=alike, poses=False, show_progress=False)["group"]
    near = [pair for pair, found in measured.items() if found[0] <= bits and found[1] >= alike]
    assert parts(names) == components(len(pictures), near)


@pytest.mark.parametrize(("wanted_bits", "low", "high", "together"), [
    (8, 0.9, 1, True), (10, 0.9, 1, False), (4, 0.9, 0.91, True), (4, 0.89, 0.9, False), (4, 0.8, 0.89, False),
])  # fmt: skip
def test_two_pictures_on_either_side_of_a_threshold(tmp_path, pictures, measured, wanted_bits, low, high, together):
    pair = next(pair for pair, (bits, alike) in measured.items() if bits == wanted_bits and low <= alike < high)
    names = group(scanned(tmp_path, [pictures[number] for number in pair]), poses=False, show_progress=False)["group"]
    assert (names.nunique() == 1) is together


@pytest.mark.parametrize(("flipped", "together"), [(0xFF, True), (0x1FF, False)])
def test_the_ninth_bit_is_one_too_many(tmp_path, pictures, flipped, together):
    """Perceptual hashes of pictures differ in an even number of bits, so this one is written by hand."""
    manifest = scanned(tmp_path, [pictures[0], pictures[1]])
    assert measures(pictures[:2])[0, 1][1] > ALIKE
    first = int(manifest["phash"][0], 16)
    manifest = manifest.assign(phash=[f"{first:016x}", f"{first ^ flipped:016x}"])
    names = group(manifest, poses=False, show_progress=False)["group"]
    assert (names.nunique() == 1) is together


def test_an_audit_counts_look_alikes_and_same_pictures_by_these_thresholds(tmp_path, pictures, measured):
    scanned(tmp_path, pictures)
    report = audit(scan(tmp_path, cache=False, show_progress=False), poses=False, show_progress=False)
    for name, least in (("near", ALIKE), ("picture", SAME)):
        near = [pair for pair, (bits, alike) in measured.items() if bits <= BITS and alike >= least]
        assert report.to_dict()[name]["redundant_files"] == len(pictures) - len(components(len(pictures), near)), name
    assert (report.to_dict()["near"]["distance"], report.to_dict()["near"]["correlation"]) == (BITS, ALIKE)
