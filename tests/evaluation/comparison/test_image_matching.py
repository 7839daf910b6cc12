"""Matching images of runs: names by content, what a run has seen, and groups that divide no run's groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.evaluation import EvaluationError
from braintumor_tf.evaluation.comparison.image_matching import common_images, joint_groups, refuse_other_images
from braintumor_tf.evaluation.comparison.image_matching import (
    tested_images as scored_images,  # or pytest takes it for a test
)

MANIFEST = pd.DataFrame(
    [
        ("train.png", "m1", "train", "g1"),
        ("lone_train.png", "m2", "train", ""),
        ("validation.png", "m3", "validation", "g3"),
        ("lone_validation.png", "m4", "validation", ""),
        ("unused.png", "m5", "unused", "g5"),
        ("near_train.png", "t1", "test", "g1"),
        ("near_validation.png", "t2", "test", "g3"),
        ("same_as_train.png", "m2", "test", ""),
        ("same_as_validation.png", "m4", "test", ""),
        ("near_unused.png", "t3", "test", "g5"),
        ("alone.png", "t4", "test", "g6"),
        ("no_group.png", "t5", "test", ""),
    ],
    columns=["path", "md5", "split", "group"],
).assign(label="glioma")


def test_an_image_is_seen_where_it_or_a_near_duplicate_was_trained_or_validated_on():
    found = scored_images(MANIFEST[["path", "label", "split", "group"]], MANIFEST)
    seen = found.set_index("path")["seen"].to_dict()
    assert seen == {
        "near_train.png": True, "near_validation.png": True, "same_as_train.png": True,
        "same_as_validation.png": True, "near_unused.png": False, "alone.png": False, "no_group.png": False,
    }  # fmt: skip
    assert list(found.index.names) == ["md5", "copy"] and found.index.is_monotonic_increasing
    others = scored_images(MANIFEST[["path", "label", "split", "group"]], MANIFEST, split="unused")
    assert others["path"].tolist() == ["unused.png"]


def images(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Test images of path, content and label, none of which was seen."""
    frame = pd.DataFrame(rows, columns=["path", "md5", "label"]).assign(split="test", group="")
    return scored_images(frame.drop(columns="md5"), frame)


def test_equal_files_are_numbered_by_their_labels_and_then_their_paths():
    found = images(("z.png", "m", "glioma"), ("a.png", "m", "pituitary"), ("b.png", "m", "glioma"), ("c", "k", "x"))
    assert found["path"].to_dict() == {("k", 0): "c", ("m", 0): "b.png", ("m", 1): "z.png", ("m", 2): "a.png"}


def test_runs_are_refused_that_lack_images_or_have_more_or_other_labels():
    one = images(("a", "1", "glioma"), ("b", "2", "glioma"))
    refuse_other_images({"one": one, "same": images(("y", "2", "glioma"), ("x", "1", "glioma"))})
    for other, message in (
        (images(("a", "1", "glioma")), "other lacks 1 of them and has 0 others"),
        (images(("a", "1", "glioma"), ("b", "2", "glioma"), ("c", "3", "x")), "other lacks 0 of them and has 1 others"),
        (images(("a", "1", "glioma"), ("b", "2", "no_tumor")), "other has another label than one for 1 of"),
    ):
        with pytest.raises(EvaluationError, match=message):
            refuse_other_images({"one": one, "same": one, "other": other})


def test_common_images_are_in_all_runs_and_seen_by_none():
    rows = [(name, name, "glioma") for name in "abcde"]
    tables = {"one": images(*rows[:4]), "other": images(*rows[1:]), "third": images(*rows)}
    assert common_images(tables).tolist() == [("b", 0), ("c", 0), ("d", 0)]
    tables["third"]["seen"] = [False, False, True, False, False]  # in the order of their content
    assert common_images(tables).tolist() == [("b", 0), ("d", 0)]
    tables["other"]["seen"] = True
    with pytest.raises(EvaluationError, match="share no test image"):
        common_images(tables)


def joined_by_hand(groups: list[list[str]]) -> list[set[int]]:
    """Joins sets of images that overlap until none do."""
    found: list[set[int]] = []
    for image in range(len(groups[0])):
        together = {image}
        for one in groups:
            together |= {other for other, name in enumerate(one) if name and name == one[image]}
        apart = [each for each in found if not each & together]
        found = [*apart, together.union(*(each for each in found if each & together))]
    return found


names = st.sampled_from(["", "a", "b", "c", "d"])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(names, min_size=n, max_size=n), min_size=1, max_size=3)))
def test_joint_groups_are_the_finest_that_divide_none(groups):
    found = joint_groups(groups)
    expected = joined_by_hand(groups)
    assert sorted(set(found)) == list(range(len(expected)))
    assert {frozenset(np.flatnonzero(found == number)) for number in set(found)} == set(map(frozenset, expected))
