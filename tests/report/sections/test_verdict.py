from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.report.sections.verdict import run_verdict


@pytest.fixture
def verdict_of(metrics, predictions, manifest):
    """Judges the fixture's run with some of its parts replaced."""

    def judge(metrics=metrics, predictions=predictions, manifest=manifest, protocol="grouped"):
        many = manifest.assign(source="elsewhere")
        wide = predictions.assign(group=[f"t{row}" for row in range(len(predictions))])
        if predictions["group"].isin(manifest.loc[manifest["split"] == "train", "group"]).any():
            wide = predictions
        return run_verdict(metrics, wide, many, {"protocol": protocol})

    return judge


def warned(verdict, words: str) -> bool:
    return any(words in warning for warning in verdict.warnings)


def test_a_sound_run_is_only_small(verdict_of, metrics):
    metrics["macro_f1"] = metrics["accuracy"] = {"value": 0.9, "low": 0.85, "high": 0.95}
    verdict = verdict_of(metrics)
    assert len(verdict.sentences) == 4
    assert verdict.warnings == [warning for warning in verdict.warnings if "too few" in warning]


def test_near_duplicates_are_counted_and_warned_of(verdict_of, metrics, predictions, manifest):
    leaked = predictions.copy()
    leaked.loc[:2, "group"] = manifest.loc[manifest["split"] == "train", "group"].iloc[0]
    metrics["twins"] = {"accuracy": {"value": 0.99}, "share": 0.1}
    metrics["clean"] = {"accuracy": {"value": 0.71}}
    verdict = verdict_of(metrics, leaked)
    assert f"3 of {len(leaked)} test images have a near-duplicate in training." in verdict.sentences
    assert warned(verdict, "0.99 on these and 0.71 on the rest")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.82, 0.90, "The model is not told apart from a shortcut baseline: border strip alone reaches macro-F1 0.86"),
        (0.84, 0.86, "The model is not told apart from a shortcut baseline: border strip alone reaches macro-F1 0.86"),
        (0.97, 0.99, "The model is worse than a shortcut baseline: border strip alone reaches macro-F1 0.86"),
        (0.70, 0.84, None),
    ],
)
def test_two_scores_without_a_paired_interval_are_told_apart_where_their_intervals_do_not_touch(
    verdict_of, metrics, low, high, words
):
    metrics["macro_f1"] = metrics["accuracy"] = {"value": 0.9, "low": 0.85, "high": 0.95}
    reached = {"value": 0.86, "low": low, "high": high}
    metrics["baselines"]["border"] = {"value": 0.1, "low": 0.05, "high": 0.2, "macro_f1": reached}
    verdict = verdict_of(metrics)
    assert warned(verdict, words) if words else not warned(verdict, "shortcut baseline")


def test_a_class_without_test_images_is_warned_of(verdict_of, predictions):
    verdict = verdict_of(predictions=predictions[predictions["label"] != "no_tumor"])
    assert warned(verdict, "The test set has no image of no_tumor")


@pytest.mark.parametrize("protocol", ["random", "official"])
def test_protocols_that_may_leak_are_warned_of(verdict_of, protocol):
    assert warned(verdict_of(protocol=protocol), f"protocol “{protocol}”")
    assert not warned(verdict_of(protocol="grouped"), "protocol")


def test_synthetic_images_are_named(metrics, predictions, manifest):
    verdict = run_verdict(metrics, predictions, manifest.assign(source="synthetic"), {})
    assert warned(verdict, "synthetic")


def test_without_baselines_the_verdict_says_so(verdict_of, metrics):
    metrics["baselines"] = {}
    assert "No shortcut baseline was scored beside it." in verdict_of(metrics).sentences


def test_a_folder_that_holds_the_errors_is_named(verdict_of, predictions):
    images = pd.concat([predictions.query("split == 'test' and label == 'glioma'").head(1)] * 40, ignore_index=True)
    folders = ["Testing/g"] * 10 + ["Training/g"] * 30
    images = images.assign(
        path=[f"/set/{folder}/{number}.png" for number, folder in enumerate(folders)],
        predicted=["meningioma"] * 8 + ["glioma"] * 32,
    )
    verdict = verdict_of(predictions=images)
    assert warned(verdict, "Testing/g, 8 of 10 glioma images, against 0 of 30 in other folders")
    assert not warned(verdict_of(predictions=images.assign(predicted="meningioma")), "Errors crowd")
