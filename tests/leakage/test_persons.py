"""Who is the same person, and what that makes of groups and splits."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.identity import persons
from braintumor_tf.leakage import OVERLAP, group, join_patients, split

NO_PAIRS = pd.DataFrame({"first": [], "second": []}, dtype=int)


def rows(*people: str) -> pd.DataFrame:
    """Rows from texts ``source patient origin origin_patient``, a dash for what is empty."""
    found = [["" if word == "-" else word for word in text.split()] for text in people]
    table = pd.DataFrame(found, columns=["source", "patient", "origin", "origin_patient"])
    names = [f"{number:02}" for number in range(len(table))]
    return table.assign(path=names, pixel_hash=names, group="", label="glioma", split="")


def partition(manifest: pd.DataFrame) -> list[int]:
    """The number of each image's person, by first appearance; -1 for nobody."""
    people = persons(manifest)
    return pd.factorize(people.where(people != ""))[0].tolist()


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (["one 7 - -", "one 7 - -", "one 8 - -"], [0, 0, 1]),
        (["one 7 - -", "two 7 - -"], [0, 1]),
        (["one - - -", "one - figshare -"], [-1, -1]),
        (["one 7 figshare 7", "two 7 figshare 7"], [0, 0]),
        (["one 7 figshare 7", "one 7 clinic 7"], [0, 1]),
        (["one 7 figshare 7", "two 7 - -"], [0, 1]),
        # the data set knows the patients itself: its own word joins what has no origin, the origin joins data sets
        (["one 7 figshare A", "one 7 - -", "two A figshare A"], [0, 0, 0]),
        (["one A figshare A", "one A - -"], [0, 0]),
        # the origin has pictures but no patients
        (["one 7 br35h -", "one 7 - -", "two 7 br35h -"], [0, 0, 1]),
        # contradictions join all that they touch
        (["one 7 figshare A", "one 7 figshare B", "two B figshare B"], [0, 0, 0]),
        (["one 7 figshare A", "one 8 figshare A", "one 8 - -"], [0, 0, 0]),
    ],
)
def test_who_is_the_same_person(people, expected):
    manifest = rows(*people)
    assert partition(manifest) == expected
    backwards = pd.Series(partition(manifest[::-1])[::-1])
    assert [backwards.tolist().index(number) for number in backwards] == [expected.index(n) for n in expected]


def test_a_person_is_named_by_the_origin_and_does_not_depend_on_order():
    manifest = rows("one 7 figshare A", "one 7 - -", "two A figshare A", "zoo - - -")
    assert persons(manifest).tolist() == ["figshare:A", "figshare:A", "figshare:A", ""]
    assert persons(manifest.sample(frac=1, random_state=1)).sort_index().tolist() == persons(manifest).tolist()


def test_a_group_is_near_duplicates_and_persons_together():
    manifest = rows("one 7 - -", "one - - -", "one - - -", "one 7 - -", "one 9 - -", "two 9 - -")
    pairs = pd.DataFrame({"first": [0, 2], "second": [1, 4]})
    found = group(manifest, pairs=pairs)["group"].tolist()
    assert found == [
        "patient:one:7", "patient:one:7", "patient:one:9", "patient:one:7", "patient:one:9", "patient:two:9",
    ]  # fmt: skip
    assert group(manifest, pairs=pairs, patients=False)["group"].tolist() == ["g00", "g00", "g02", "g03", "g02", "g05"]


def test_groups_of_a_csv_are_joined_where_they_divide_a_patient():
    manifest = rows("one 7 - -", "one 7 - -", "one - - -", "one - - -", "one 8 - -").assign(group=list("abbcd"))
    assert join_patients(manifest)["group"].tolist() == ["patient:one:7"] * 3 + ["c", "d"]


def test_split_divides_no_patient_whoever_made_the_groups():
    people = [f"one {number % 10} - -" for number in range(40)]
    manifest = rows(*people).assign(group=[f"g{number}" for number in range(40)])
    for seed in range(5):
        parts = split(manifest, "grouped", seed=seed)
        assert parts.groupby("patient")["split"].nunique().max() == 1
    divided = split(manifest, "random", seed=0)
    assert divided.groupby("patient")["split"].nunique().max() > 1, "the random protocol shows the leak"


def test_equal_numbers_of_two_data_sets_do_not_overlap_and_a_shared_origin_does(monkeypatch):
    monkeypatch.setattr("braintumor_tf.leakage.groups.near_pairs", lambda *_, **__: NO_PAIRS)
    training = rows(*[f"one {number} - -" for number in range(1, 13)], "one F figshare F")
    external = rows(*[f"two {number} - -" for number in range(1, 5)], "two F figshare F", "two G figshare G")
    joint = split(training, "external", external=external.assign(pixel_hash=list("uvwxyz")))
    assert joint["split"].tolist()[13:] == ["test"] * 4 + [OVERLAP, "test"]


@pytest.mark.parametrize(
    ("folder", "other", "expected"),
    [("/a", "/b", "test"), ("/a", "/a", OVERLAP), ("/a", "/a/more", OVERLAP), ("/a/x", "/a/y", "test")],
)
def test_two_lists_of_one_name_in_different_folders_are_two_data_sets(folder, other, expected, monkeypatch):
    monkeypatch.setattr("braintumor_tf.leakage.groups.near_pairs", lambda *_, **__: NO_PAIRS)
    training, external = (rows(*[f"list {number} - -" for number in range(count)]) for count in (8, 3))
    training = training.assign(path=f"{folder}/" + training["path"] + ".png")
    external = external.assign(path=f"{other}/q" + external["path"] + ".png", pixel_hash=["x", "y", "z"])
    joint = split(training, "external", external=external)
    assert joint["split"].tolist()[8:] == [expected] * 3
