"""What the noise study found: macro-F1 with paired intervals, as records and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from noise_study_cells import CLEAN, KEPT, REMOVED, SEEN, UNSEEN, Cell, Manifests, Setting

from braintumor_tf.evaluation import Robustness, read_robustness
from braintumor_tf.evaluation.robustness.draws import draw_scores
from braintumor_tf.evaluation.scores.seeds import difference_over_seeds, mean_over_seeds
from braintumor_tf.leakage import near_duplicate_in_training
from braintumor_tf.report.plots.robustness import noise_name

SEVERITY = 3
"""Where the goals are set."""

GOALS = {"seen_loss": 0.03, "clean_loss": 0.01}
"""What noise training may cost in macro-F1 at most: under the noises it has seen, and on clean images."""

Found = Mapping[Cell, Robustness]


Seeds = tuple[np.ndarray, np.ndarray | None]
"""A score of each seed, and that of each seed on each resample."""


def read_cells(cells: Sequence[Cell], setting: Setting) -> dict[Cell, Robustness]:
    """Reads what every cell made of the test images, clean and under noise."""
    return {cell: read_robustness(setting.path_of(cell)) for cell in cells}


def long_table(found: Found) -> pd.DataFrame:
    """Returns the robustness tables of all cells as one, one row a cell, noise, severity and metric."""
    parts = [each.table.assign(**vars(cell))[[*vars(cell), *each.table.columns]] for cell, each in found.items()]
    return pd.concat(parts, ignore_index=True)


def summarise(found: Found, manifests: Manifests) -> list[dict[str, Any]]:
    """Returns one record for each protocol, duplicates, epochs and condition; scores are means over the seeds.

    Each score is ``{"value", "low", "high"}`` in 0..1, its interval for new groups and new seeds: ``clean``;
    ``seen_loss`` and ``unseen_loss``, the mean loss against the same model's clean score at severity 3; ``clean_loss``,
    what the clean score lost against the network trained clean; ``common``, the clean score on the test images that
    both settings of duplicates share; ``twins`` and ``rest``, on test images with and without a look-alike in training.
    """
    names = list(dict.fromkeys((cell.protocol, cell.duplicates, cell.epochs, cell.condition) for cell in found))
    records = []
    for protocol, duplicates, epochs, condition in names:
        place = {"protocol": protocol, "duplicates": duplicates, "epochs": epochs}
        own = _of(found, **place, condition=condition)
        clean, groups = _macro_f1(own, [(CLEAN, 0)]), _groups(own)
        record = {**place, "condition": condition, "seeds": len(own), "clean": _score(clean, groups)}
        for name, noises in (("seen_loss", SEEN), ("unseen_loss", UNSEEN)):
            noisy = _macro_f1(own, [(noise, SEVERITY) for noise in noises])
            record[name] = difference_over_seeds(clean, noisy, groups=groups).to_dict()
        reference = _of(found, **place, condition=CLEAN)
        if reference and condition != CLEAN:
            before = _macro_f1(reference, [(CLEAN, 0)])
            record["clean_loss"] = difference_over_seeds(before, clean, groups=groups, paired=False).to_dict()
        manifest = manifests[protocol, duplicates]
        common = manifests.get((protocol, REMOVED), manifest)["path"]
        twin = manifest.loc[near_duplicate_in_training(manifest, manifest), "path"]
        record["common"] = _part(own, lambda paths, common=common: paths.isin(common))
        record["twins"] = _part(own, lambda paths, twin=twin: paths.isin(twin))
        record["rest"] = _part(own, lambda paths, twin=twin: ~paths.isin(twin))
        records.append(record)
    return records


def describe_manifests(manifests: Manifests, scored: str) -> list[dict[str, Any]]:
    """Returns one record for each protocol and setting of duplicates: images, dropped ones, near-duplicates."""
    found = []
    for (protocol, duplicates), manifest in manifests.items():
        counts, test = manifest["split"].value_counts(), manifest["split"] == scored
        with_twin = int(near_duplicate_in_training(manifest[test], manifest).sum())
        found.append(
            {"protocol": protocol, "duplicates": duplicates, "images": len(manifest), "training": int(counts["train"]),
             "scored": scored, "scored_images": int(test.sum()), "with_twin": with_twin,
             "groups": int(manifest.loc[test, "group"].nunique())}
        )  # fmt: skip
    return found


def main_place(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns where the goals are read: the first protocol, duplicates removed, the longest training."""
    first = records[0]["protocol"]
    copies = REMOVED if any(record["duplicates"] == REMOVED for record in records) else KEPT
    return {"protocol": first, "duplicates": copies, "epochs": max(record["epochs"] for record in records)}


def check_goals(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns, for the network trained with all noises, each goal, what was reached and whether that is enough."""
    chosen = _rows(records, **main_place(records), condition="all")
    return {
        name: {"at_most": limit, "reached": chosen[0][name], "met": chosen[0][name]["value"] <= limit}
        for name, limit in GOALS.items()
        if chosen and name in chosen[0]
    }


def noise_table(records: Sequence[Mapping[str, Any]], place: Mapping[str, Any]) -> str:
    """Returns the Markdown table of the training conditions in one place of the study."""
    lines = [
        "| trained | macro-F1 on clean images | lost under the three noises, severity 3 | lost under the four unseen "
        "ones, severity 3 | clean score lost by noise training |",
        "|---|---|---|---|---|",
    ]
    for record in _rows(records, **place):
        cells = [
            _points(record.get(name), signed=name != CLEAN)
            for name in (CLEAN, "seen_loss", "unseen_loss", "clean_loss")
        ]
        lines.append(f"| {_words(record['condition'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def duplicates_table(records: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, Any]]) -> str:
    """Returns the Markdown table of protocol, duplicates and epochs, for the networks trained clean and with all."""
    lines = [
        "| split | duplicates | epochs | training images | test images; with a near-duplicate | "
        "trained clean: macro-F1 | on the common images | on near-duplicates | on the rest | "
        "trained with all three: macro-F1 | lost under the three noises, severity 3 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for sizes in images:
        place = {key: sizes[key] for key in ("protocol", "duplicates")}
        for epochs in sorted({record["epochs"] for record in _rows(records, **place)}):
            plain, noisy = (
                next(iter(_rows(records, **place, epochs=epochs, condition=name)), {}) for name in (CLEAN, "all")
            )
            cells = [
                *(_points(plain.get(name)) for name in (CLEAN, "common", "twins", "rest")),
                *(_points(noisy.get(name), signed=name != CLEAN) for name in (CLEAN, "seen_loss")),
            ]
            share = sizes["with_twin"] / sizes["scored_images"]
            lines.append(
                f"| {place['protocol']} | {place['duplicates']} | {epochs} | {sizes['training']:,} | "
                f"{sizes['scored_images']:,}; {share:.0%} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def curves(found: Found, place: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns macro-F1 against severity for the conditions of one place, as `plots.robustness_curves` takes it."""
    conditions = dict.fromkeys(cell.condition for cell in found)
    tables = {}
    for condition in conditions:
        own = _of(found, **place, condition=condition)
        rows = [
            {
                "noise": noise,
                "severity": severity,
                "metric": "macro_f1",
                **_score(_macro_f1(own, [(noise, severity)]), _groups(own)),
            }
            for noise, severity in own[0].draws.versions
        ]
        tables[f"trained {_words(condition)}"] = {"table": rows}
    return tables


def _words(condition: str) -> str:
    named = {CLEAN: "clean", "all": "with all three"}
    return named.get(condition) or f"with {noise_name(condition)}"


def _of(found: Found, **wanted: Any) -> list[Robustness]:
    return [each for cell, each in found.items() if all(getattr(cell, key) == wanted[key] for key in wanted)]


def _rows(records: Sequence[Mapping[str, Any]], **wanted: Any) -> list[Mapping[str, Any]]:
    return [record for record in records if all(record[key] == wanted[key] for key in wanted)]


def _macro_f1(found: Sequence[Robustness], versions: Sequence[tuple[str, int]]) -> Seeds:
    """The mean macro-F1 over versions, of each seed: of the images themselves, then of each resample of groups.

    All cells of one protocol and setting of duplicates have the same images and the same resamples, so the difference
    of two such pairs is paired.
    """
    return _stacked([each.draws.mean("macro_f1", versions) for each in found])


def _groups(found: Sequence[Robustness]) -> float:
    return found[0].draws.drawn("macro_f1", [(CLEAN, 0)]).groups


def _part(found: Sequence[Robustness], chosen: Callable[[pd.Series], pd.Series]) -> dict[str, Any] | None:
    """The clean score on some of the images, None where there are none."""
    parts = []
    for each in found:
        rows = each.predictions[(each.predictions["noise"] == CLEAN) & chosen(each.predictions["path"])]
        if rows.empty:
            return None
        draws = draw_scores(rows, each.classes, resamples=each.settings["resamples"], seed=each.settings["seed"])
        parts.append(draws.drawn("macro_f1", [(CLEAN, 0)]))
    return _score(_stacked([(each.value, each.resampled) for each in parts]), parts[0].groups)


def _stacked(parts: Sequence[tuple[float, np.ndarray | None]]) -> Seeds:
    drawn = None if any(each is None for _, each in parts) else np.stack([each for _, each in parts])
    return np.array([value for value, _ in parts]), drawn


def _score(seeds: Seeds, groups: float) -> dict[str, Any]:
    return mean_over_seeds(*seeds, groups=groups).to_dict()


def _points(found: Mapping[str, Any] | None, signed: bool = False) -> str:
    """A score in points with its interval, such as ``91.2 (88.0 to 94.1)``."""
    if not found or found["value"] is None:
        return ""
    shown = "{:+.1f}" if signed else "{:.1f}"
    value, low, high = (
        None if found[end] is None else shown.format(100 * found[end]) for end in ("value", "low", "high")
    )
    return value if low is None else f"{value} ({low} to {high})"
