"""Groups that a data set's own table names: they win over near-duplicates, and patients join them."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.leakage import fill_groups, group, groups


@pytest.fixture
def rows(monkeypatch) -> pd.DataFrame:
    """Six pictures of nobody known, of which 0 and 1, 1 and 2, and 4 and 5 are near-duplicates."""
    pairs = pd.DataFrame({"first": [0, 1, 4], "second": [1, 2, 5]})
    monkeypatch.setattr(groups, "near_pairs", lambda *_, **__: pairs)
    table = pd.DataFrame({"pixel_hash": [f"{number}" * 12 for number in range(6)], "patient": "", "source": "mine"})
    return table.assign(group="")


def parts(manifest: pd.DataFrame) -> list[list[int]]:
    """The places of the rows of each group."""
    return sorted(members.to_list() for members in manifest.groupby("group").groups.values())


def test_without_own_groups_near_duplicates_make_them(rows):
    assert parts(fill_groups(rows)) == parts(group(rows)) == [[0, 1, 2], [3], [4, 5]]


def test_own_groups_are_kept_where_near_duplicates_say_otherwise(rows):
    given = ["a", "b", "b", "c", "d", "e"]
    assert fill_groups(rows.assign(group=given))["group"].tolist() == given


def test_images_without_a_group_join_their_near_duplicates_and_own_groups_stay_apart(rows):
    found = fill_groups(rows.assign(group=["a", "b", "", "", "d", ""]))
    assert parts(found) == [[0], [1, 2], [3], [4, 5]]  # 0 and 1 look alike and have groups of their own


def test_images_that_the_table_puts_together_stay_together(rows):
    assert parts(fill_groups(rows.assign(group=["a", "", "", "a", "", ""]))) == [[0, 1, 2, 3], [4, 5]]


def test_a_patient_joins_own_groups(rows):
    found = fill_groups(rows.assign(group=list("abcdef"), patient=["7", "", "", "7", "", ""]))
    assert parts(found) == [[0, 3], [1], [2], [4], [5]]


def test_other_index_numbers_change_nothing(rows):
    shuffled = rows.assign(group=["a", "b", "", "", "d", ""]).set_axis([9, 4, 7, 1, 0, 3])
    found = fill_groups(shuffled)
    assert list(found.index) == [9, 4, 7, 1, 0, 3] and parts(found.reset_index()) == [[0], [1, 2], [3], [4, 5]]
