"""Comparing runs: what is ranked and how, what is refused, and runs of every kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.errors import RunError
from braintumor_tf.evaluation import EvaluationError, compare, score_predictions
from braintumor_tf.evaluation.comparison.image_matching import joint_groups
from braintumor_tf.evaluation.comparison.leaderboard import COLUMNS, SCORES, display_names
from braintumor_tf.evaluation.scores.seeds import seed_means
from braintumor_tf.files import to_json, write_csv
from braintumor_tf.report.sections.comparison import comparison_verdict
from braintumor_tf.runs import Run
from tests.evaluation.made_runs import answers, made_manifest, made_run

DRAWS = 300
BASELINES = {"metadata": 0.2, "border": 1.0, "nearest_neighbour": 0.8, "pca_logistic_regression": 0.5}


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    return made_manifest(60)


@pytest.fixture(scope="module")
def three(manifest, tmp_path_factory) -> list[Run]:
    """A good run, one almost as good, and one that is clearly behind both."""
    folder = tmp_path_factory.mktemp("made")
    skills = {"good": (3.0, 1), "near": (2.8, 2), "weak": (1.0, 3)}
    return [
        made_run(folder / name, manifest, *skill, baselines=BASELINES, model=name) for name, skill in skills.items()
    ]


@pytest.fixture(scope="module")
def found(three):
    return compare([three[2], three[0].path, str(three[1].path)], resamples=DRAWS)


def runs_of(comparison) -> pd.DataFrame:
    return comparison.leaderboard.query("kind == 'run'").set_index("name")


def test_runs_are_ranked_by_macro_f1_with_the_scores_of_their_metrics(found, three):
    rows = runs_of(found)
    assert list(found.leaderboard.columns) == list(COLUMNS)
    assert list(rows.index) == ["good", "near", "weak"] and list(rows["rank"]) == [1, 2, 3]
    for run in three:
        for name, keys in SCORES.items():
            kept = run.metrics
            for key in keys:
                kept = kept[key]
            for end, value in zip(("", "_low", "_high"), (kept["value"], kept["low"], kept["high"])):
                assert rows.loc[run.name, f"{name}{end}"] == value or value is None
        tested = run.predictions
        expected = f1_score(tested["label"], tested["predicted"], average="macro")
        assert rows.loc[run.name, "macro_f1"] == pytest.approx(expected)
    assert (found.images, found.groups, found.classes) == (120, 60, CLASSES)


def test_the_lead_is_the_paired_difference_to_the_best(found):
    rows, pairs = runs_of(found), found.pairs.set_index(["first", "second"])
    turned = pairs.loc[("weak", "good")]  # the order in which the runs were given
    assert rows.loc["weak", "lead"] == -turned["macro_f1_difference"]
    assert (rows.loc["weak", "lead_low"], rows.loc["weak", "lead_high"]) == (
        -turned["macro_f1_high"],
        -turned["macro_f1_low"],
    )
    straight = pairs.loc[("good", "near")]
    assert rows.loc["near", ["lead", "lead_low", "lead_high", "lead_p", "lead_p_holm"]].tolist() == (
        straight[[f"macro_f1_{end}" for end in ("difference", "low", "high", "p", "p_holm")]].tolist()
    )
    assert pd.isna(rows.loc["good", "lead"]) and len(pairs) == 3


def test_a_leader_that_is_not_told_apart_is_not_crowned(found, three):
    rows = runs_of(found)
    assert rows.loc["near", "lead_low"] <= 0 < rows.loc["weak", "lead_low"]
    said = comparison_verdict(found).sentences
    assert "3 runs on the same 120 test images from 60 groups" in said[0]
    assert "good has the highest macro-F1" in said[1] and "is not told apart from near: paired" in said[1]
    clear = comparison_verdict(compare([three[2], three[0]], resamples=DRAWS)).sentences[1]
    assert "told apart" not in clear and "it is better than the next, weak, by +0." in clear
    assert rows["lead_judgement"].fillna("").tolist() == ["", "not told apart", "better"]


def test_baselines_are_rows_of_their_own_in_the_order_of_the_scores(found, three):
    table = found.leaderboard
    assert table["macro_f1"].is_monotonic_decreasing
    baselines = table[table["kind"] == "baseline"].set_index("name")
    assert set(baselines.index) == set(BASELINES) and baselines["rank"].isna().all()
    best = three[0].metrics["baselines"]["border"]
    assert baselines.loc["border", "accuracy"] == best["value"]
    assert baselines.loc["border", "macro_f1_high"] == best["macro_f1"]["high"]
    above = best["model_above"]["macro_f1"]
    assert baselines.loc["border", ["lead", "lead_low", "lead_high"]].tolist() == list(above.values())


def test_of_different_baselines_the_best_is_shown_and_one_as_good_as_the_runs_is_a_warning(manifest, tmp_path):
    runs = [
        made_run(tmp_path / "a", manifest, 1.0, 1, baselines={"border": 0.3}),
        made_run(tmp_path / "b", manifest, 1.1, 2, baselines={"border": 1.5}),
    ]
    found = compare(runs, resamples=DRAWS)
    row = found.leaderboard.query("kind == 'baseline'").iloc[0]
    assert row["macro_f1"] == runs[1].metrics["baselines"]["border"]["macro_f1"]["value"]
    assert any(
        "not told apart from a shortcut baseline: border strip" in warning
        for warning in comparison_verdict(found).warnings
    )
    best = made_run(tmp_path / "c", manifest, 4.0, 3, baselines={"border": 0.3})
    row = compare([*runs, best], resamples=DRAWS).leaderboard.query("kind == 'baseline'").iloc[0]
    assert row["lead"] == pytest.approx(best.metrics["macro_f1"]["value"] - row["macro_f1"])
    border, kept = runs[1].metrics["baselines"]["border"]["macro_f1"], best.metrics["macro_f1"]
    assert row["lead_low"] == kept["low"] - border["high"], "the paired interval is that of another baseline"
    assert row["lead_high"] == kept["high"] - border["low"] and row["lead_judgement"] == "better"


def test_copies_of_the_data_elsewhere_in_another_order_are_the_same_images(manifest, three, tmp_path):
    moved = made_manifest(60, folder="elsewhere").sample(frac=1, random_state=0, ignore_index=True)
    there = Run.create(tmp_path / "near", three[1].config, moved)
    table = three[1].predictions.assign(path=lambda rows: rows["path"].str.replace("a/", "elsewhere/", regex=False))
    there.write_predictions(table.sample(frac=1, random_state=1))
    there.write_metrics(score_predictions(there.predictions, moved, CLASSES, resamples=200).to_dict())
    here, elsewhere = (compare([three[0], other], resamples=DRAWS) for other in (three[1], there))
    pd.testing.assert_frame_equal(here.pairs, elsewhere.pairs)


def test_equal_files_are_matched_one_by_one(manifest, three, tmp_path):
    twice = manifest.assign(md5=manifest["md5"].str.replace("_1", "_0", regex=False))  # each file has a copy
    runs = [made_run(tmp_path / name, twice, *skill) for name, skill in {"a": (3.0, 1), "b": (1.0, 3)}.items()]
    pairs = compare(runs, resamples=DRAWS).pairs
    assert pairs["macro_f1_difference"][0] == pytest.approx(
        compare([three[0], three[2]], resamples=DRAWS).pairs["macro_f1_difference"][0]
    )


def test_equal_files_with_two_labels_are_matched_label_by_label(manifest, tmp_path):
    content = manifest["md5"].replace({"test_0_0": "same", "test_1_0": "same"})
    here = manifest.assign(md5=content)
    turned = {"a/test_0_0.png": "a/z.png", "a/test_1_0.png": "a/b.png"}  # the other way round in the order of names
    there = here.assign(path=manifest["path"].replace(turned))
    runs = [made_run(tmp_path / name, images, 3.0, 1) for name, images in {"here": here, "there": there}.items()]
    pair = compare(runs, resamples=DRAWS).pairs.iloc[0]
    assert (pair["only_first"], pair["only_second"]) == (0, 0)


def test_runs_with_other_test_images_are_refused_and_named(manifest, three, tmp_path):
    smaller = manifest[~manifest["md5"].isin([f"test_{group}_0" for group in range(7)])]
    other = made_run(tmp_path / "other", smaller.assign(md5=smaller["md5"].replace("test_9_0", "new")))
    with pytest.raises(
        EvaluationError, match="good has 120, other lacks 8 of them and has 1 others;.*--common"
    ) as error:
        compare([three[0], three[1], other])
    assert "near" not in str(error.value) and "\n" not in str(error.value)


def test_other_labels_of_the_same_images_are_refused(manifest, three, tmp_path):
    wrong = manifest.assign(label=manifest["label"].mask(manifest["md5"].isin(["test_4_0", "test_8_1"]), "pituitary"))
    other = made_run(tmp_path / "other", wrong)
    for common in (False, True):
        with pytest.raises(
            EvaluationError, match=r"other has another label than good for 2 of the same images.*4_0\.png"
        ):
            compare([three[0], other], common=common)


def test_what_cannot_be_ranked_is_refused(manifest, three, tmp_path):
    binary = made_run(tmp_path / "binary", made_manifest(60, classes=BINARY_CLASSES), classes=BINARY_CLASSES)
    with pytest.raises(EvaluationError, match=r"tells tumor, no_tumor apart|tells no_tumor, tumor apart"):
        compare([three[0], binary])
    with pytest.raises(EvaluationError, match="given twice"):
        compare([three[0], three[0].path])
    with pytest.raises(EvaluationError, match="give two or more"):
        compare(three[:1])
    with pytest.raises(RunError, match="is not finished"):
        compare([three[0], Run.create(tmp_path / "begun", three[0].config, manifest)])
    with pytest.raises(RunError, match="not a run directory"):
        compare([three[0], tmp_path / "nowhere"])


def test_common_ranks_what_all_share_and_none_has_seen(manifest, three, tmp_path):
    """The second run has other test images, learned from ten of the first one's, and from near-duplicates of two."""
    learned = manifest["md5"].isin([f"test_{group}_{copy}" for group in range(5) for copy in (0, 1)])
    near = manifest["md5"].isin(["test_20_0", "test_21_0"])
    gone = manifest["md5"].isin(["test_30_0", "test_30_1", "test_31_0"])
    other = manifest.assign(split=manifest["split"].mask(learned | near, "train").mask(gone, "unused"))
    run = made_run(tmp_path / "other", other, 2.0, 5)
    with pytest.raises(EvaluationError, match="other test images"):
        compare([three[0], run])
    found = compare([three[0], run], common=True, resamples=DRAWS)
    assert found.images == 120 - 10 - 4 - 3 and found.left_out == {"good": 17, "other": 2}
    kept = three[0].predictions[~three[0].predictions["path"].isin(manifest.loc[learned | gone, "path"])]
    kept = kept[~kept["group"].isin(["test20", "test21"])]
    expected = f1_score(kept["label"], kept["predicted"], average="macro")
    assert runs_of(found).loc["good", "macro_f1"] == pytest.approx(expected)
    assert set(found.leaderboard["kind"]) == {"run"}
    said = comparison_verdict(found)
    assert "left out: 17 of good, 2 of other" in said.sentences[0]
    assert any("did not learn from the same images" in warning for warning in said.warnings)
    same = compare(three[:2], common=True, resamples=DRAWS)
    pd.testing.assert_frame_equal(same.pairs, compare(three[:2], resamples=DRAWS).pairs)
    strange = made_run(tmp_path / "strange", manifest.assign(md5="x" + manifest["md5"]))
    with pytest.raises(EvaluationError, match="share no test image"):
        compare([three[0], strange], common=True)


def test_seeds_of_one_configuration_get_a_row_of_the_mean_for_new_seeds_and_groups(manifest, three, tmp_path):
    runs = [made_run(tmp_path / f"seed_{seed}", manifest, 1.5 + seed / 5, seed, model="CNN") for seed in range(3)]
    lone = made_run(tmp_path / "wide", manifest, 2.0, 9, model="CNN", image_size=[64, 64])
    table = compare([*runs, lone, three[0]], resamples=DRAWS).leaderboard
    (row,) = table[table["kind"] == "seeds"].to_dict("records")
    values = [run.metrics["macro_f1"]["value"] for run in runs]
    assert row["name"] == "CNN, mean of 3 seeds" and row["runs"] == 3 and row["seed"] == "0, 1, 2"
    assert row["macro_f1"] == pytest.approx(np.mean(values)) and pd.isna(row["rank"]) and pd.isna(row["lead"])
    expected = seed_means([run.predictions for run in runs], CLASSES)
    for name in ("accuracy", "macro_f1", "tumour_sensitivity"):
        ends = expected.scores[name].low, expected.scores[name].high
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(ends)
    assert row["macro_f1_low"] < min(values) < max(values) < row["macro_f1_high"]
    assert row["train_seconds"] == 61.5 and pd.isna(row["parameters"]) and "seeds" in row["interval"]
    wide = made_run(tmp_path / "wide_1", manifest, 2.0, 10, model="CNN", image_size=[64, 64])
    names = compare([*runs, lone, wide], resamples=DRAWS).leaderboard.query("kind == 'seeds'")["name"]
    assert sorted(names) == ["CNN, mean of 2 seeds (as wide)", "CNN, mean of 3 seeds (as seed_0)"]


def test_twins_and_few_groups_are_said(tmp_path):
    manifest = made_manifest(8)
    manifest["group"] = manifest["group"].replace("test0", "train0")
    runs = [made_run(tmp_path / name, manifest, 2.0, seed) for seed, name in enumerate("ab")]
    found = compare(runs, resamples=DRAWS)
    assert (runs_of(found)["twins_images"] == 2).all() and runs_of(found)["twins_accuracy"].notna().all()
    warnings = comparison_verdict(found).warnings
    assert any("2 of the 16 test images have a near-duplicate" in one for one in warnings)
    assert any("only 8 groups" in one for one in warnings)


def test_one_group_gives_no_interval_and_says_so(tmp_path):
    manifest = made_manifest(8).assign(group="all")
    runs = [made_run(tmp_path / name, manifest, 2.0, seed) for seed, name in enumerate("ab")]
    found = compare(runs, resamples=DRAWS)
    assert found.groups == 1 and found.pairs["macro_f1_p"].isna().all()
    assert "with fewer than two groups" in comparison_verdict(found).sentences[1]


def test_names_and_groups():
    assert display_names(["models/a/cnn/", "models/b/cnn", "x/pca"]) == ["a/cnn", "b/cnn", "pca"]
    assert display_names(["cnn", "models/cnn"]) == ["cnn", "models/cnn"]
    joined = joint_groups([["a", "a", "b", "", "", "c"], ["1", "2", "2", "3", "", ""]])
    assert list(joined == joined[0]) == [True, True, True, False, False, False] and len(set(joined)) == 4
    assert list(joint_groups([["x", "x", "y"], ["x", "x", "y"]])) == [0, 0, 1]


def test_everything_is_plain_json(found):
    read = json.loads(to_json(found.to_dict()))
    assert len(read["leaderboard"]) == 7 and len(read["pairs"]) == 3 and read["images"] == 120
    assert read["leaderboard"][0]["parameters"] is None and read["leaderboard"][0]["rank"] == 1


def test_an_image_that_the_manifest_does_not_know_is_named(three, manifest, tmp_path):
    copy = Run(Path(shutil.copytree(three[1].path, tmp_path / "copy")))
    write_csv(copy.path / "manifest.csv", manifest[manifest["md5"] != "test_3_1"])
    with pytest.raises(EvaluationError, match=r"test_3_1\.png: its content is not in the manifest"):
        compare([three[0], copy])
    assert len(answers(manifest, 1.0, 0)) == 120
