"""Do explanations point at real lesions? Maps of trained networks against figshare's lesion boxes, patient by patient.

    python benchmarks/lesion_explanations.py data/figshare/manifest.csv --work models/lesions

trains MobileNetV2-0.35 from ImageNet and a ViT-Ti/16 from random weights on one grouped split (whole patients), draws
test images (`PER_PATIENT` of a patient at most), explains the true class of each and scores the maps against the boxes:
the pointing game (the map's highest value lies in the box; Zhang et al., 2016) and the energy in the box (share of the
map's sum; Wang et al., 2020). Beside them stand maps that know nothing of the model: a random one, the same everywhere,
the head alone, the middle of the picture. Intervals are over groups. Nothing is chosen on the test images: methods and
settings are `explain`'s own, but for what `METHODS` says. Trainings and scored images are kept in WORK, so an
interrupted call goes on where it was. Runs that are there already: `--run models/a --run models/b`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from braintumor_tf import experiments, leakage
from braintumor_tf.datasets import read_image, scan
from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.evaluation.prediction.predict import load_run_model
from braintumor_tf.explanation import explain, find_masks, localise_images, summarise_localisation
from braintumor_tf.explanation.checks.localised_images import CENTRE, HEAD, centre_map
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.report import plots
from braintumor_tf.runs import Run, environment

RESULTS = Path(__file__).parent / "results" / "lesion_explanations.json"

TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "MobileNetV2-0.35": {"weights": "imagenet", "image_size": 192, "epochs": [4, 8]},
    "ViT-Ti/16": {"image_size": 96, "epochs": 15},
}
"""Short trainings: the maps are asked about, not the best score."""

FRACTIONS = (0.6, 0.1, 0.3)
"""Of training, validation and test: many test patients, since intervals are over them."""

METHODS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "MobileNetV2-0.35": {
        "grad_cam": {"method": "grad_cam"},
        "grad_cam_plus_plus": {"method": "grad_cam_plus_plus"},
        "grad_cam, finer layer": {"method": "grad_cam", "layer": "block_12_add"},
        "occlusion": {"method": "occlusion"},
    },
    "ViT-Ti/16": {"attention_rollout": {"method": "attention_rollout"}},
}
"""Rows of the table by model: what `explain` is called with."""

PER_PATIENT = 5
SIZES = {"under 1 %": (0.0, 0.01), "1 to 3 %": (0.01, 0.03), "over 3 %": (0.03, 1.0)}
"""Of the box's share of the picture."""


def divided(table: str, seed: int, split: str | None) -> pd.DataFrame:
    """Returns the manifest of TABLE with groups and splits, those of earlier results if asked for.

    A letter at the end of a patient's number is one of several visits, so it is left out.
    """
    manifest = scan(table, source="figshare").manifest
    manifest = leakage.group(manifest.assign(patient=manifest["patient"].str.replace(r"[A-Z]+$", "", regex=True)))
    if split is None:
        return leakage.split(manifest, "grouped", seed=seed, fractions=FRACTIONS)
    patients = json.loads(Path(split).read_text(encoding="utf-8"))["patients"]
    part_of = {patient: part for part, names in patients.items() for patient in names}
    return manifest.assign(split=manifest["patient"].map(part_of))


def trained(manifest: pd.DataFrame, work: Path, seed: int) -> list[Run]:
    """Trains each model, or takes up what was begun."""
    return [
        experiments.run_experiment(
            manifest,
            model=model,
            out=work / model.replace("/", "-"),
            baselines=False,
            seed=seed,
            resume=True,
            config={"dataset": "figshare", "protocol": "grouped"},
            **settings,
        )
        for model, settings in TRAININGS.items()
    ]


def drawn(run: Run, images: int, seed: int) -> pd.DataFrame:
    """Draws test images of a run whose lesion is known, at most `PER_PATIENT` of a patient."""
    manifest = run.manifest
    known = manifest[(manifest["split"] == "test") & find_masks(manifest).notna()]
    shuffled = known.sample(frac=1, random_state=seed)
    patients = shuffled["patient"].where(shuffled["patient"] != "", shuffled["path"])
    return shuffled[shuffled.groupby(patients).cumcount() < PER_PATIENT].head(images).sort_index()


def scored(run: Run, rows: pd.DataFrame, work: Path, seed: int) -> pd.DataFrame:
    """Scores the maps of the drawn images, or reads what was scored before."""
    name = run.config["model"]
    kept = work / "scored" / f"{name.replace('/', '-')}.csv"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_csv(kept, localise_images(load_run_model(run), rows, methods=METHODS.get(name), seed=seed))
    return pd.read_csv(kept, dtype={"group": str}, keep_default_na=False)


def parts_of(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Returns all images, those of each class, and those of each size of the lesion."""
    sizes = {
        f"lesion {name}": table[(table["area_share"] >= low) & (table["area_share"] < high)]
        for name, (low, high) in SIZES.items()
    }
    return {"all": table, **dict(iter(table.groupby("label"))), **sizes}


def summary(run: Run, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Returns what the results say of one model."""
    config, metrics = run.config, run.metrics
    return {
        "model": config["model"],
        "image_size": config["image_size"],
        "epochs": None if run.history is None else len(run.history),
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "images_by_split": run.manifest["split"].value_counts().to_dict(),
        "groups_by_split": run.manifest.groupby("split")["group"].nunique().to_dict(),
        "parts": {
            name: summarise_localisation(part, seed=seed).to_records()
            for name, part in parts_of(table).items()
            if len(part)
        },
    }


def examples(runs: list[Run], tables: list[pd.DataFrame], folder: Path, per_class: int = 2) -> list[Path]:
    """Draws for each class images with the box over the maps of every method, chosen by lesion size alone.

    The pictures are real ones and stay outside the repository.
    """
    rows = tables[0].drop_duplicates("path").sort_values(["label", "area_share"])
    chosen = rows.groupby("label", group_keys=False)[rows.columns].apply(
        lambda part: part.iloc[(np.linspace(0.25, 0.75, per_class) * (len(part) - 1)).round().astype(int)]
    )
    paths, labels = chosen["path"].tolist(), chosen["label"].tolist()
    boxes = find_masks(runs[0].manifest.set_index("path", drop=False).loc[paths]).tolist()
    maps: dict[str, Any] = {}
    for run in runs:
        model, name = load_run_model(run), run.config["model"]
        for method, settings in METHODS.get(name, {}).items():
            maps["\n".join([name.split("-")[0], *method.split(", ")])] = explain(
                model, paths, target=labels, **settings
            )
    pictures = [read_image(path) for path in paths]
    maps["random"] = explain(load_run_model(runs[0]), paths, method="random")
    maps[HEAD] = [head_mask(picture).astype(np.float32) for picture in pictures]
    maps[CENTRE] = [centre_map(picture) for picture in pictures]
    figure = plots.maps_and_lesions(
        paths, boxes, maps, names=labels, title="Where each method looks, and figshare's box"
    )
    return [plots.save_figure(figure, folder / "examples.png", limit=900_000)]


def score_plot(found: list[dict[str, Any]], folder: Path) -> Path:
    """Draws pointing game and energy of all models, references last, as dots with intervals."""
    from braintumor_tf.explanation.checks.results import as_table

    tables = [as_table(one["parts"]["all"]) for one in found]
    named = [
        table[~table["reference"]].assign(method=lambda rows, name=one["model"]: name + ", " + rows["method"])
        for one, table in zip(found, tables)
    ]
    whole = pd.concat([*named, tables[0][tables[0]["reference"]]], ignore_index=True)
    figure = plots.localisation_scores(whole, title="Do maps point at real lesions? (figshare)")
    return plots.save_figure(figure, folder / "scores.png")


def lines(found: list[dict[str, Any]]) -> list[str]:
    """Returns the table of all parts as text."""
    text = []
    for one in found:
        text.append(f"{one['model']}, {one['image_size']} px: accuracy {_text(one['accuracy'])}")
        for part, rows in one["parts"].items():
            first = rows[0]
            text.append(
                f"  {part}: {first['images']} images of {first['groups']} groups, {first['correct']} predicted "
                f"correctly; box {100 * first['area_share']:.1f} % of the picture"
            )
            text += [f"    {row['method']:24} " + "  ".join(_scores(row)) for row in rows]
    return text


def _scores(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{title} peak {_text(row[f'pointing{name}'])}, energy {_text(row[f'energy{name}'])}"
        for name, title in (
            ("", ""),
            ("_beyond_head", "| beyond the head:"),
            ("_beyond_centre", "| beyond the middle:"),
            ("_correct", "| correct ones:"),
        )
    ]


def _text(score: Mapping[str, Any]) -> str:
    if score["value"] is None or score["low"] is None:
        return "undefined" if score["value"] is None else f"{score['value']:.3f} (no interval)"
    return f"{score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


@click.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@click.option("--work", default="models/lesions", show_default=True, help="Folder of trainings, scores and figures.")
@click.option("--run", "runs", multiple=True, help="A finished run on TABLE, instead of training; may be repeated.")
@click.option("--split", help="Results whose patients are divided in the same way; by default a new grouped split.")
@click.option("--images", default=200, show_default=True, help="Test images that are explained at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", default=str(RESULTS), show_default=True, help="Where the JSON goes.")
def main(table: str, work: str, runs: tuple[str, ...], split: str | None, images: int, seed: int, out: str) -> None:
    """Trains, explains, scores; TABLE is a CSV of images with label, patient and lesion box."""
    folder = Path(work)
    finished = [Run.of(run) for run in runs] or trained(divided(table, seed, split), folder, seed)
    rows = drawn(finished[0], images, seed)
    tables = [scored(run, rows, folder, seed) for run in finished]
    found = [summary(run, scores, seed) for run, scores in zip(finished, tables)]
    click.echo("\n".join(lines(found)))
    patients = finished[0].manifest.groupby("split")["patient"].unique().map(sorted).to_dict()
    results = {"per_patient": PER_PATIENT, "methods": METHODS, "patients": patients, "models": found}
    write_json(out, {**results, "environment": environment()})
    for path in (*examples(finished, tables, folder), score_plot(found, folder)):
        click.echo(path)


if __name__ == "__main__":
    main()
