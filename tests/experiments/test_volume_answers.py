"""One answer for a volume: the mean by hand, the slices that speak for it, what speaks against it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.experiments.predicting.volumes import VolumeAnswers, answer_volume


def slices(volume, glioma, *, gate=(), error=(), seen=()):
    """Rows of slices with these probabilities of glioma; the numbers in `gate`, `error` and `seen` are odd ones."""
    numbers = range(1, len(glioma) + 1)
    glioma = np.array(glioma, float)
    table = pd.DataFrame({"path": [f"{volume}#{number}" for number in numbers]})
    table["predicted"] = np.where(np.isnan(glioma), "", np.where(glioma > 0.5, "glioma", "no_tumor"))
    table["p_glioma"], table["p_no_tumor"] = glioma, 1 - glioma
    table["gate"] = [("it is dark",) if number in gate else () for number in numbers]
    table["training_image"] = ["seen.png" if number in seen else "" for number in numbers]
    table["error"] = ["damaged" if number in error else "" for number in numbers]
    return table


def test_the_answer_is_the_mean_and_not_the_vote_of_slices():
    row = answer_volume("a", slices("a", [0.45, 0.45, 0.45, 0.95], seen=[3])).iloc[0]
    assert row["predicted"] == "glioma" and row["p_glioma"] == pytest.approx(0.575)
    assert row["p_no_tumor"] == pytest.approx(0.425) and row["slices"] == 4 and row["training_image"] == "seen.png"
    assert row["top_slices"] == ("a#4", "a#1", "a#2") and row["gate"] == () and row["error"] == ""


def test_slices_that_are_turned_away_do_not_count_and_most_of_them_turn_the_volume_away():
    table = slices("a", [0.9, 0.8, np.nan, np.nan], gate=[3, 4])
    row = answer_volume("a", table).iloc[0]
    assert (row["predicted"], row["slices"], row["gate"]) == ("glioma", 2, ())
    assert row["p_glioma"] == pytest.approx(0.85)
    row = answer_volume("a", slices("a", [0.9, np.nan, np.nan], gate=[2, 3])).iloc[0]
    assert (row["predicted"], row["slices"], row["top_slices"]) == ("", 0, ()) and np.isnan(row["p_glioma"])
    assert row["gate"] == ("2 of 3 slices are unlike the training images, such as: it is dark",)
    cautioned = answer_volume("a", slices("a", [0.9, 0.2, 0.1], gate=[2, 3])).iloc[0]
    assert cautioned["predicted"] == "no_tumor" and cautioned["slices"] == 3 and cautioned["gate"]
    assert answer_volume("a", slices("a", [0.9]).assign(gate=None)).iloc[0]["gate"] is None


def test_a_slice_that_cannot_be_read_leaves_its_volume_without_an_answer():
    row = answer_volume("a", slices("a", [0.9, np.nan, 0.9], error=[2])).iloc[0]
    assert row["error"] == "1 of 3 slices cannot be read; a#2: damaged" and row["predicted"] == ""


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("each_slice", [False, True])
def test_rows_come_in_the_order_given_however_they_are_parted(size, each_slice):
    parts = [
        slices("a", [0.9, 0.2, 0.9]), slices("picture", [0.1]).assign(path="p.png"), slices("b", [0.3, 0.1]),
        slices("q", [0.7]).assign(path="q.png"),
    ]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    volumes = {f"a#{number}": "a" for number in (1, 2, 3)} | {"b#1": "b", "b#2": "b"}
    answers = VolumeAnswers(volumes, each_slice=each_slice)
    found = [answers.join(table[start : start + size]) for start in range(0, len(table), size)]
    joined = pd.concat(found, ignore_index=True)
    wanted = ["a#1", "a#2", "a#3", "a", "p.png", "b#1", "b#2", "b", "q.png"]
    assert joined["path"].tolist() == [path for path in wanted if each_slice or "#" not in path]
    by_path = joined.set_index("path")
    assert by_path["slices"][["a", "p.png", "b"]].tolist() == [3, 1, 2]
    assert by_path["p_glioma"]["a"] == pytest.approx(2 / 3) and by_path["p_glioma"]["b"] == pytest.approx(0.2)
    assert all(list(one.columns) == list(joined.columns) for one in found)
