"""Splits: by group unless asked otherwise, stratified by class, seeded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.errors import SplitError
from braintumor_tf.leakage.groups import group, join_data_sets, join_patients
from braintumor_tf.leakage.origins import origin_names

LEAVE_ORIGIN_OUT = "leave_one_origin_out"
PROTOCOLS = ("grouped", "random", "official", "kfold", "external", LEAVE_ORIGIN_OUT)
SPLITS = ("train", "validation", "test")
OVERLAP = "overlap"
"""The split of an image from elsewhere with a near-duplicate or its patient in training: kept, never scored."""


ORDERS = 30
"""Random orders of the groups that are tried at most, where the first leaves the classes unbalanced."""

BALANCED = 0.015
"""By how much, besides one image, a class's share of a split may miss the wanted one before another order is tried."""

MANY_GROUPS = 100
"""Groups from which other orders are tried; with fewer, shares are coarse in any order."""


def split(
    manifest: pd.DataFrame,
    protocol: str = "grouped",
    *,
    seed: int = 0,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    folds: int = 5,
    fold: int = 0,
    external: pd.DataFrame | None = None,
    origin: str | None = None,
    patients: bool = True,
) -> pd.DataFrame:
    """Assigns every image to ``train``, ``validation`` or ``test``.

    - ``grouped``: whole groups, so no near-duplicate and no known patient is divided; stratified by class.
    - ``random``: image by image, as most publications do; it leaks, and the report says how much.
    - ``official``: the data set's own test images; validation is cut out of training by group where the source has
      none.
    - ``kfold``: `fold` of `folds` grouped folds is the test set; validation is cut out of the rest by group.
    - ``external``: the test set is another data set; its images with a near-duplicate or a known patient here
      become ``overlap``.
    - ``leave_one_origin_out``: the test set is all images of one origin (`origin_names`); those whose group is also in
      training become ``overlap``.

    Args:
        manifest: with its groups; they are made where they are missing, and joined where they divide a patient.
        protocol: one of `PROTOCOLS`.
        seed: of the random order; the same seed gives the same split whatever the order of the rows.
        fractions: of train, validation and test; they add up to 1. Where the protocol settles the test set,
            validation's share is taken relative to train plus validation.
        folds: how many, for ``kfold``.
        fold: which one is the test set, 0 to ``folds - 1``.
        external: the other data set's manifest, for ``external``.
        origin: whose images are the test set, for ``leave_one_origin_out``.
        patients: keep the images of a known patient on one side; False for groups of near-duplicates alone, or
            whatever groups the manifest has.

    Returns:
        A copy with the column `split` filled; for ``external`` the rows of both.

    Raises:
        SplitError: an unknown protocol, fractions that do not add up to 1, no official test images, a class that
            training lacks, too few groups of a class, labels of the external set that do not fit, a fold out of range,
            an unknown origin, or a class that only the origin left out has.

    Example:
        >>> manifest = pd.DataFrame({"path": [f"{n}.png" for n in range(20)], "label": "glioma"})
        >>> manifest["group"] = [f"g{n // 2}" for n in range(20)]  # ten pairs of look-alikes
        >>> parts = split(manifest, "grouped", seed=0)
        >>> bool((parts.groupby("group")["split"].nunique() == 1).all())
        True
    """
    if protocol not in PROTOCOLS:
        raise SplitError(f"protocol is {protocol!r}; it must be one of {', '.join(PROTOCOLS)}")
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise SplitError(f"fractions are {tuple(fractions)}; give three that are not negative and add up to 1")
    if (external is not None) != (protocol == "external"):
        raise SplitError("an external manifest goes with the protocol external, and only with it")
    if origin is not None and protocol != LEAVE_ORIGIN_OUT:
        raise SplitError(f"an origin goes with the protocol {LEAVE_ORIGIN_OUT}, and only with it")
    if protocol == "external":
        _check_labels(manifest, external)
        manifest = join_external(manifest.assign(split=""), external, patients=patients)
    elif (manifest["group"] == "").any():
        manifest = group(manifest, patients=patients)
    elif patients:
        manifest = join_patients(manifest)
    inner = (fractions[0] / (1 - fractions[2]), fractions[1] / (1 - fractions[2])) if fractions[2] < 1 else (1.0, 0.0)
    if protocol == "random":
        result = _allocate(manifest, manifest["path"], SPLITS, fractions, seed)
    elif protocol == "grouped":
        result = _allocate(manifest, manifest["group"], SPLITS, fractions, seed)
    elif protocol == "kfold":
        result = _kfold(manifest, inner, folds, fold, seed)
    elif protocol == "official":
        result = _official(manifest, inner, seed)
    elif protocol == LEAVE_ORIGIN_OUT:
        result = _leave_origin_out(manifest, inner, origin, seed)
    else:
        result = _external(manifest, inner, seed)
    return manifest.assign(split=result)


def leave_each_origin_out(
    manifest: pd.DataFrame, *, seed: int = 0, fractions: Sequence[float] = (0.7, 0.15, 0.15)
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Makes the split ``leave_one_origin_out`` for each origin in turn.

    Args:
        manifest: as for `split`.
        seed: as for `split`.
        fractions: as for `split`.

    Returns:
        The split manifest of each origin that can be left out, and for each other origin the reason why it cannot.

    Raises:
        SplitError: there are fewer than two origins, or none can be left out.

    Example:
        >>> manifest = pd.DataFrame({"path": [f"{n}.png" for n in range(12)], "label": ["glioma", "no_tumor"] * 6})
        >>> manifest = manifest.assign(source="mixed", origin=["figshare"] * 6 + ["br35h"] * 6, group=manifest["path"])
        >>> splits, refused = leave_each_origin_out(manifest)
        >>> splits["br35h"].query("split == 'test'")["path"].tolist(), refused
        (['6.png', '7.png', '8.png', '9.png', '10.png', '11.png'], {})
    """
    manifest = group(manifest) if (manifest["group"] == "").any() else manifest
    splits, refused = {}, {}
    for origin in sorted(origin_names(manifest).unique()):
        try:
            splits[origin] = split(manifest, LEAVE_ORIGIN_OUT, seed=seed, fractions=fractions, origin=origin)
        except SplitError as error:
            refused[origin] = str(error)
    if not splits:
        raise SplitError("; ".join(refused.values()))
    return splits, refused


def _allocate(
    manifest: pd.DataFrame, keys: pd.Series, parts: Sequence[str], fractions: Sequence[float], seed: int
) -> pd.Series:
    """Gives whole groups to parts so that each class comes as near as possible to the wanted fractions.

    Groups come in random order, and each goes to the part that lacks most of the group's classes relative to
    what it should get. (Largest first, as scikit-learn's StratifiedGroupKFold does it, would fill the small parts
    with images that have no look-alike at all.) Groups of patients can be large: where the first order misses a share
    by more than `BALANCED`, the best of `ORDERS` orders is taken.
    """
    table = pd.crosstab(keys, manifest["label"]).sort_index()
    members, total = table.to_numpy(float), table.sum().to_numpy(float)
    wanted = np.outer(fractions, total)
    open_parts = np.flatnonzero(np.asarray(fractions) > 0)
    _check_enough(table, len(open_parts))
    rng, least, best = np.random.default_rng(seed), np.inf, None
    for _ in range(ORDERS if len(table) >= MANY_GROUPS else 1):
        chosen, filled = _fill(members, wanted, open_parts, rng.permutation(len(table)))
        missed = ((np.abs(filled - wanted) - 1).clip(0) / total).max()
        if missed < least:
            least, best = missed, chosen
        if least <= BALANCED:
            break
    return keys.map({key: parts[part] for key, part in zip(table.index, best)})


def _fill(
    members: np.ndarray, wanted: np.ndarray, open_parts: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gives groups to parts in one order; returns the part of each group, and the images of each class in each part."""
    filled, chosen = np.zeros_like(wanted), np.empty(len(members), dtype=int)
    for row in order:
        lack = (wanted[open_parts] - filled[open_parts]) / wanted[open_parts]
        chosen[row] = open_parts[np.argmax(lack @ (members[row] / members[row].sum()))]
        filled[chosen[row]] += members[row]
    return chosen, filled


def _check_enough(table: pd.DataFrame, parts: int) -> None:
    counts = (table > 0).sum()
    if counts.min() < parts:
        few = "1 group" if counts.min() == 1 else f"{counts.min()} groups"
        raise SplitError(
            f"class {counts.idxmin()} has {few} (near-duplicates and images of one patient are one); "
            f"{parts} parts need at least one each: add patients, leave the class out, or use fewer folds"
        )


def _kfold(manifest: pd.DataFrame, inner: Sequence[float], folds: int, fold: int, seed: int) -> pd.Series:
    if folds < 2 or not 0 <= fold < folds:
        raise SplitError(f"fold {fold} of {folds}: folds must be at least 2 and fold from 0 to folds - 1")
    part = _allocate(manifest, manifest["group"], [str(i) for i in range(folds)], [1 / folds] * folds, seed)
    return _test_and_rest(manifest, part == str(fold), inner, seed)


def _official(manifest: pd.DataFrame, inner: Sequence[float], seed: int) -> pd.Series:
    present = set(manifest["split"])
    if not {"train", "test"} <= present:
        raise SplitError(
            "the data set has no official train and test folders "
            f"(splits found: {', '.join(sorted(present - {''})) or 'none'}); use the protocol grouped"
        )
    if "" in present:
        lacking = ", ".join(sorted(set(manifest.loc[manifest["split"] == "", "source"])))
        raise SplitError(f"{lacking} has images without an official split; use the protocol grouped")
    if not present <= set(SPLITS):
        raise SplitError(f"some images have the split {min(present - set(SPLITS))!r}; use train, validation, test")
    learned = set(manifest.loc[manifest["split"] == "train", "label"])
    strange = sorted(set(manifest.loc[manifest["split"] != "train", "label"]) - learned)
    if strange:
        raise SplitError(
            f"the official training images have no {strange[0]}, which the others have: a model cannot learn it; use "
            "the protocol grouped, or leave the class out"
        )
    if "validation" in present:
        return manifest["split"]
    return _test_and_rest(manifest, manifest["split"] == "test", inner, seed)


def join_external(
    manifest: pd.DataFrame, external: pd.DataFrame, *, patients: bool = True, show_progress: bool = True
) -> pd.DataFrame:
    """Puts another data set as test images beside the images that a model learns from, those in both set apart.

    Args:
        manifest: the images that a model learns from or is chosen by; their splits stay as they are.
        external: the other data set's manifest.
        patients: whether images of one known patient are one group.
        show_progress: whether to show a bar.

    Returns:
        The rows of both, grouped together. An image of the other data set whose group has an image of `manifest`, a
        near-duplicate or one of the same known patient, has the split ``overlap``, every other one ``test``.
    """
    joint = join_data_sets(manifest, external.assign(split="test"))
    joint = group(joint, patients=patients, show_progress=show_progress)
    outside = pd.Series(joint.index >= len(manifest), joint.index)
    return joint.assign(split=joint["split"].mask(_overlap(joint, outside), OVERLAP))


def _overlap(manifest: pd.DataFrame, outside: pd.Series) -> pd.Series:
    """Whether each image is outside and has an image of its group inside: this is what an overlap is, everywhere."""
    return outside & manifest["group"].isin(manifest.loc[~outside, "group"])


def _external(manifest: pd.DataFrame, inner: Sequence[float], seed: int) -> pd.Series:
    outside = manifest["split"].isin(["test", OVERLAP])
    return _test_and_rest(manifest, outside, inner, seed).mask(manifest["split"] == OVERLAP, OVERLAP)


def _leave_origin_out(manifest: pd.DataFrame, inner: Sequence[float], origin: str | None, seed: int) -> pd.Series:
    origins = origin_names(manifest)
    names = sorted(origins.unique())
    if len(names) < 2:
        raise SplitError(
            f"all images are of one origin, {names[0]}; {LEAVE_ORIGIN_OUT} needs two: link the images to published "
            "sets, or use the protocol external with another data set"
        )
    if origin not in names:
        raise SplitError(f"origin is {origin!r}; it must be one of {', '.join(names)}")
    outside = origins == origin
    only = sorted(set(manifest["label"]) - set(manifest.loc[~outside, "label"]))
    if only:
        raise SplitError(
            f"{origin} cannot be left out: it alone has images of {', '.join(only)}, and a class that only one origin "
            "has cannot be told from that origin; leave out another origin, or the class"
        )
    seen = _overlap(manifest, outside)
    if (seen == outside).all():
        raise SplitError(
            f"{origin} cannot be left out: every image of it has a near-duplicate or its patient in another origin"
        )
    return _test_and_rest(manifest, outside, inner, seed).mask(seen, OVERLAP)


def _test_and_rest(manifest: pd.DataFrame, test: pd.Series, inner: Sequence[float], seed: int) -> pd.Series:
    rest = manifest[~test]
    chosen = _allocate(rest, rest["group"], ("train", "validation"), inner, seed)
    return chosen.reindex(manifest.index).fillna("test")


def _check_labels(manifest: pd.DataFrame, external: pd.DataFrame) -> None:
    strange = sorted(set(external["label"]) - set(manifest["label"]))
    if strange:
        raise SplitError(
            f"the external set has the class {strange[0]}, which training lacks; "
            "bring both to the same classes, for example with to_binary"
        )
