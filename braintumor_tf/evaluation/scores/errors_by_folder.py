"""Errors by folder: where the images of one folder are judged worse than those of the same label elsewhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from scipy.stats import hypergeom

from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers
from braintumor_tf.evaluation.scores.multiple_testing import holm
from braintumor_tf.predictions_table import PREDICTED


def folder_errors(predictions: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Compares the errors in each folder with those on images of the same label in all other folders.

    Data sets are put together from several sources, and a folder often is one. If a network that does well elsewhere
    fails in one folder, its labels are wrong, or its images are of another kind than those that were trained on.

    Args:
        predictions: a predictions table.
        split: which split to look at.

    Returns:
        One row a folder and label that other folders have too, the least likely one first. Columns: `folder`, the last
        two parts of its path; `label`; `images` and `wrong`; `elsewhere` and `elsewhere_wrong`, images of that label in
        the other folders; `p_value` and `p_holm`, which is corrected for the number of rows. The test is Fisher's exact
        one, one-sided, that errors are no more frequent here. A group counts once, as wrong if at least half of its
        images are.

    Example:
        >>> paths = [f"data/{folder}/glioma/{number}.png" for folder in ("a", "b") for number in range(5)]
        >>> rows = pd.DataFrame({"path": paths, "label": "glioma", "split": "test", "group": paths})
        >>> found = folder_errors(rows.assign(predicted=["glioma"] * 5 + ["no_tumor"] * 5))
        >>> found[["folder", "images", "wrong", "elsewhere_wrong"]].to_numpy().tolist()
        [['b/glioma', 5, 5, 0], ['a/glioma', 5, 0, 5]]
    """
    rows = predictions[predictions["split"] == split].reset_index(drop=True)
    rows = rows.assign(
        folder=[str(Path(path).parent) for path in rows["path"]],
        group=group_numbers(rows["group"]) if len(rows) else 0,
        wrong=(rows["label"] != rows[PREDICTED]).to_numpy(),
    )
    images = rows.groupby(["folder", "label"])["wrong"].agg(["size", "sum"])
    of_groups = rows.groupby(["folder", "label", "group"])["wrong"].mean() >= 0.5
    groups = of_groups.groupby(["folder", "label"]).agg(["size", "sum"])
    all_images, all_groups = (table.groupby("label").transform("sum") for table in (images, groups))
    table = pd.DataFrame(
        {
            "folder": ["/".join(Path(folder).parts[-2:]) for folder in images.index.get_level_values("folder")],
            "label": images.index.get_level_values("label"),
            "images": images["size"].to_numpy(),
            "wrong": images["sum"].to_numpy(),
            "elsewhere": (all_images["size"] - images["size"]).to_numpy(),
            "elsewhere_wrong": (all_images["sum"] - images["sum"]).to_numpy(),
            "p_value": hypergeom.sf(groups["sum"] - 1, all_groups["size"], all_groups["sum"], groups["size"]),
        }
    )
    table = table[table["elsewhere"] > 0]
    table = table.assign(p_holm=holm(table["p_value"]))
    return table.sort_values("p_value", kind="stable", ignore_index=True)
