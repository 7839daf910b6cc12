"""Which test images of several runs are the same: matched by their bytes, wherever copies of the data lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers
from braintumor_tf.leakage.groups import as_text

KEY = ["md5", "copy"]
"""What names an image in every run: the MD5 of its bytes, and which of several equal files it is."""


def tested_images(predictions: pd.DataFrame, manifest: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Returns the scored rows of a run, each named by its content.

    Equal files are numbered in the order of their labels, so that the same files with the same labels have the same
    names in every run.

    Args:
        predictions: a predictions table.
        manifest: the images that it was made from.
        split: which rows are taken.

    Returns:
        The rows with the index `KEY`, sorted by it, and the further column `seen`: whether the image, or another of its
        group, is among the training or validation images of the manifest.

    Raises:
        EvaluationError: an image is not in the manifest, or the manifest does not know the content of one.
    """
    rows = predictions[predictions["split"] == split]
    content = manifest.drop_duplicates("path").set_index("path")["md5"]
    rows = rows.assign(md5=rows["path"].map(content))
    unknown = rows["md5"].isna() | (rows["md5"] == "")
    if unknown.any():
        raise EvaluationError(f"{rows.loc[unknown, 'path'].iloc[0]}: its content is not in the manifest; train anew")
    rows = rows.sort_values(["md5", "label", "path"], kind="stable")
    learned = manifest[manifest["split"].isin(["train", "validation"])]
    groups = set(as_text(learned["group"])) - {""}
    seen = rows["md5"].isin(learned["md5"]) | as_text(rows["group"]).isin(groups)
    return rows.assign(copy=rows.groupby("md5").cumcount(), seen=seen).set_index(KEY)


def refuse_other_images(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raises EvaluationError unless all tables of `tested_images` hold the same images with the same labels.

    Args:
        tables: by the names that the error shall use; the first one is what the others are held against.
    """
    (first, wanted), *others = tables.items()
    strange = []
    for name, table in others:
        missing, new = len(wanted.index.difference(table.index)), len(table.index.difference(wanted.index))
        if missing or new:
            strange.append(f"{name} lacks {missing} of them and has {new} others")
    if strange:
        raise EvaluationError(
            f"runs with other test images cannot be ranked: {first} has {len(wanted)}, {', '.join(strange)}; compare "
            "runs of one split, rank on the images that all share (--common), or score each on one other data set "
            "(evaluate RUN --dataset)"
        )
    refuse_other_labels(tables)


def refuse_other_labels(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raises EvaluationError if an image of two tables has another label in one of them."""
    (first, wanted), *others = tables.items()
    for name, table in others:
        labels, theirs = wanted["label"].align(table["label"], join="inner")
        differ = labels[labels != theirs]
        if len(differ):
            raise EvaluationError(
                f"{name} has another label than {first} for {len(differ)} of the same images (such as "
                f"{wanted.loc[differ.index[0], 'path']}: {theirs[differ.index[0]]}, there {differ.iloc[0]}); runs with "
                "other labels cannot be ranked, correct the labels and train anew"
            )


def common_images(tables: Mapping[str, pd.DataFrame]) -> pd.MultiIndex:
    """Returns the images that are in all tables of `tested_images` and that no run has seen.

    An image counts as seen by a run where it, or a near-duplicate of it, is among the run's training or validation
    images: such a run could remember what another one has to know.

    Raises:
        EvaluationError: there are none, or an image has another label in one of the runs.
    """
    refuse_other_labels(tables)
    shared = None
    for table in tables.values():
        unseen = table.index[~table["seen"]]
        shared = unseen if shared is None else shared.intersection(unseen)
    if shared is None or shared.empty:
        raise EvaluationError(
            f"{', '.join(tables)} share no test image that all of them have not seen; score each on one other data set "
            "(evaluate RUN --dataset)"
        )
    return shared.sort_values()


def joint_groups(groups: Sequence[Sequence[str]]) -> np.ndarray:
    """Returns the finest grouping that divides no group of any run.

    Runs may have grouped the same images otherwise (other thresholds, other data beside them). Two images are in one
    group here where any run has them in one, directly or by way of others.

    Args:
        groups: for each run the group of each image, in the same order; an empty text is a group of its own.

    Returns:
        The number of each image's group, 0 upwards, shape ``(images,)``.

    Example:
        >>> joint_groups([["a", "a", "b"], ["x", "y", "y"]]).tolist()
        [0, 0, 0]
    """
    numbers = [group_numbers(one) for one in groups]
    images = len(numbers[0])
    nodes, start = [], images
    for one in numbers:
        nodes.append(one + start)
        start += int(one.max()) + 1
    ends = np.concatenate(nodes), np.tile(np.arange(images), len(numbers))
    graph = coo_matrix((np.ones(len(ends[0])), ends), shape=(start, start))
    return np.unique(connected_components(graph, directed=False)[1][:images], return_inverse=True)[1]
