"""Origins: how they are named and counted, and the protocol that leaves one out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import OVERLAP, leave_each_origin_out, origin_names, split

PROTOCOL = "leave_one_origin_out"


def mixed_manifest(groups: int = 90) -> pd.DataFrame:
    """Three origins of two slices a group; ``no_tumor`` is never figshare's, and one group reaches over two origins."""
    rows = []
    for number in range(groups):
        label = ("glioma", "meningioma", "no_tumor")[number % 3]
        origin = ("figshare", "br35h", "")[number // 3 % 3] if label != "no_tumor" else ("br35h", "")[number // 3 % 2]
        rows += [(f"/x/{number:03}_{slice_}.png", label, origin, f"g{number:03}") for slice_ in range(2)]
    manifest = pd.DataFrame(rows, columns=["path", "label", "origin", "group"]).assign(source="set", split="")
    manifest.loc[manifest["group"].isin(["g000", "g003"]), "group"] = "g000"  # figshare's and br35h's
    return manifest


def test_unknown_origins_are_named_by_their_source():
    manifest = pd.DataFrame({"origin": ["figshare", "", None], "source": ["a", "a", "b"]})
    assert origin_names(manifest).tolist() == ["figshare", "unknown:a", "unknown:b"]
    assert origin_names(manifest.drop(columns="origin")).tolist() == ["unknown:a", "unknown:a", "unknown:b"]


def test_the_test_set_is_one_origin_without_what_training_has_too():
    manifest = mixed_manifest()
    result = split(manifest, PROTOCOL, origin="figshare", seed=3)
    theirs = manifest["origin"] == "figshare"
    assert set(result.loc[theirs, "split"]) == {"test", OVERLAP}
    assert set(result.loc[~theirs, "split"]) == {"train", "validation"}
    assert result.loc[result["split"] == OVERLAP, "group"].unique().tolist() == ["g000"]
    assert (result[result["split"] == OVERLAP]["origin"] == "figshare").all()
    assert (result[~theirs].groupby("group")["split"].nunique() == 1).all()
    assert (result[~theirs]["split"] == "validation").mean() == pytest.approx(0.15 / 0.85, abs=0.05)
    again = split(manifest.sample(frac=1, random_state=0), PROTOCOL, origin="figshare", seed=3)
    assert again.sort_index()["split"].tolist() == result["split"].tolist()


@pytest.mark.parametrize(
    ("change", "origin", "message"),
    [
        ({"origin": "figshare"}, "figshare", "all images are of one origin, figshare"),
        ({}, "kaggle", "origin is 'kaggle'; it must be one of br35h, figshare, unknown:set"),
        ({}, None, "must be one of br35h, figshare"),
        ({"group": "all"}, "br35h", "every image of it has a near-duplicate"),
    ],
)
def test_errors_say_what_is_wrong(change, origin, message):
    with pytest.raises(SplitError, match=message):
        split(mixed_manifest().assign(**change), PROTOCOL, origin=origin)


def test_an_origin_goes_with_its_protocol_only():
    with pytest.raises(SplitError, match="goes with the protocol leave_one_origin_out"):
        split(mixed_manifest(), "grouped", origin="figshare")


def test_the_only_origin_of_a_class_is_not_left_out():
    manifest = mixed_manifest()
    manifest = manifest[(manifest["label"] != "no_tumor") | (manifest["origin"] == "")]
    with pytest.raises(SplitError, match="unknown:set cannot be left out: it alone has images of no_tumor"):
        split(manifest, PROTOCOL, origin="unknown:set")
    splits, refused = leave_each_origin_out(manifest)
    assert list(splits) == ["br35h", "figshare"] and list(refused) == ["unknown:set"]
    both = manifest.assign(origin=np.where(manifest["label"] == "glioma", "figshare", "br35h"))
    with pytest.raises(SplitError, match="br35h cannot be left out: .*; figshare cannot be left out"):
        leave_each_origin_out(both)
