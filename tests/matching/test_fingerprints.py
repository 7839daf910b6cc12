"""Near-duplicate pairs and the correlations that confirm them, against NumPy and against comparing everything."""

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets import scan, thumbnails
from braintumor_tf.leakage import group
from braintumor_tf.matching import near_pairs, normalised, pair_correlations


def test_a_stricter_correlation_finds_fewer_pairs(leaky_folder):
    manifest = scan(leaky_folder, show_progress=False).manifest
    wide = near_pairs(manifest, distance=32, correlation=-1.0)
    strict = near_pairs(manifest, distance=8, correlation=0.9)
    assert set(map(tuple, strict[["first", "second"]].to_numpy())) < set(
        map(tuple, wide[["first", "second"]].to_numpy())
    )
    assert (strict["correlation"] >= 0.9).all() and (strict["distance"] <= 8).all()


def test_correlations_equal_numpy(leaky_folder):
    small = thumbnails(scan(leaky_folder, show_progress=False).manifest)
    left, right = np.array([0, 3, 5]), np.array([1, 4, 6])
    expected = [np.corrcoef(small[a].ravel(), small[b].ravel())[0, 1] for a, b in zip(left, right)]
    np.testing.assert_allclose(pair_correlations(small, left, right), expected, atol=1e-5)
    assert not normalised(np.full((1, 8, 8), 77)).any()


@pytest.mark.real_data
def test_near_pairs_find_what_comparing_all_thumbnails_finds(real_data):
    manifest = scan(real_data / "navoneel", show_progress=False).manifest
    small = normalised(thumbnails(manifest))
    first, second = np.nonzero(np.triu(small @ small.T >= 0.98, 1))
    grouped = group(manifest)["group"].to_numpy()
    assert len(first) > 20 and (grouped[first] == grouped[second]).all()
    assert isinstance(near_pairs(manifest), pd.DataFrame)
