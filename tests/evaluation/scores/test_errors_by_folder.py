"""Errors by folder: the test against SciPy's, what is counted, and what is left out."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from braintumor_tf.evaluation import folder_errors


def table(*folders: tuple[str, str, int, int], group_size: int = 1) -> pd.DataFrame:
    """A predictions table of (folder, label, images, wrong ones); neighbouring images are a group."""
    rows = [
        (f"/data/set/{folder}/{number}.png", label, "pituitary" if number < wrong else label)
        for folder, label, images, wrong in folders
        for number in range(images)
    ]
    frame = pd.DataFrame(rows, columns=["path", "label", "predicted"])
    return frame.assign(split="test", group=[f"g{place // group_size}" for place in range(len(frame))])


def test_a_folder_with_wrong_labels_comes_first_and_is_tested_as_fisher_does():
    found = folder_errors(table(("Testing/g", "glioma", 15, 11), ("Training/g", "glioma", 125, 2)))
    assert found.iloc[0, :6].tolist() == ["Testing/g", "glioma", 15, 11, 125, 2]
    expected = fisher_exact([[11, 4], [2, 123]], alternative="greater").pvalue
    assert found["p_value"][0] == pytest.approx(expected) and expected < 1e-6
    assert found["p_holm"].to_list() == [pytest.approx(2 * expected), pytest.approx(1)]


def test_each_label_is_compared_with_itself_alone():
    folders = ("a", "glioma", 20, 18), ("b", "glioma", 20, 18), ("a", "no_tumor", 40, 0), ("b", "no_tumor", 40, 0)
    assert (folder_errors(table(*folders))["p_holm"] > 0.5).all()


def test_a_group_counts_once():
    folders = ("a", "glioma", 12, 6), ("b", "glioma", 30, 0)
    alone, together = (folder_errors(table(*folders, group_size=size)) for size in (1, 6))
    assert together["wrong"][0] == alone["wrong"][0] == 6
    assert together["p_value"][0] == pytest.approx(fisher_exact([[1, 1], [0, 5]], alternative="greater").pvalue)
    assert alone["p_value"][0] < 0.001


@pytest.mark.parametrize(("wrong", "counted"), [(0, False), (1, False), (2, False), (3, True), (4, True), (6, True)])
def test_a_group_is_wrong_from_half_of_its_images_on(wrong, counted):
    """Of six images of a group three are half; a second folder has one group that is wrong and four that are right."""
    folders = ("a", "glioma", 6, wrong), ("b", "glioma", 30, 6)
    row = folder_errors(table(*folders, group_size=6)).set_index("folder").loc["set/a"]
    expected = fisher_exact([[int(counted), int(not counted)], [1, 4]], alternative="greater").pvalue
    assert row["p_value"] == pytest.approx(expected) and row["wrong"] == wrong


def test_images_without_a_group_count_one_by_one():
    folders = ("a", "glioma", 4, 3), ("b", "glioma", 10, 1)
    found = folder_errors(table(*folders).assign(group="")).set_index("folder").loc["set/a"]
    assert found["p_value"] == pytest.approx(fisher_exact([[3, 1], [1, 9]], alternative="greater").pvalue)


def test_one_folder_a_label_is_no_comparison_and_other_splits_are_passed_over():
    single = table(("g", "glioma", 9, 9), ("n", "no_tumor", 9, 0))
    assert folder_errors(single).empty and folder_errors(single.iloc[:0]).empty
    two = table(("a", "glioma", 9, 9), ("b", "glioma", 9, 0))
    assert folder_errors(two.assign(split="validation")).empty
    assert len(folder_errors(two.assign(split="validation"), split="validation")) == 2


def test_luck_is_seldom_taken_for_a_fault():
    generator = np.random.default_rng(0)
    folders = [(f"p{number}", "glioma", 8) for number in range(12)]
    found = [
        folder_errors(table(*((*folder, int(generator.binomial(8, 0.2))) for folder in folders)))["p_holm"].min()
        for _ in range(200)
    ]
    assert np.mean(np.array(found) < 0.05) <= 0.08
