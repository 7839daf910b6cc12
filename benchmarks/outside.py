r"""Which training holds outside? Plain, each remedy alone, and the two best together, on several seeds.

    python benchmarks/outside.py data/sartaj --seeds 3
    python benchmarks/outside.py data/sartaj --seeds 3 --final \
        --outside navoneel=data/navoneel --outside masoud=data/masoud/Testing \
        --outside figshare=data/figshare/manifest.csv

A network that tells tumour or not is trained on the images of FOLDERS, divided by patient, once for each condition and
seed. Conditions are judged on the validation images and with one origin left out at a time; beside that stand the
source probe and what Grad-CAM has in the lesions. The two remedies with the best scores there are then trained
together. Outside sets are read with ``--final`` alone, once everything is chosen: without copies, and without the
pictures and patients of training. Each cell has a directory of its own, so that the same command goes on where it was
interrupted; what is found is never computed twice. ``--seams`` trains a detector of seams on the pairs instead.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import click  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from outside_cells import (  # noqa: E402
    CONDITIONS,
    REMEDIES,
    Cell,
    Setting,
    final,
    outside_manifest,
    selection,
    training_manifest,
)

from braintumor_tf.augment.counterfactual import check_seams, make_pairs  # noqa: E402
from braintumor_tf.errors import BrainTumorError  # noqa: E402
from braintumor_tf.files import to_json, write_json  # noqa: E402
from braintumor_tf.report.plots.style import new_figure, save_figure, set_heading, theme  # noqa: E402
from braintumor_tf.runs import environment  # noqa: E402

HERE = Path(__file__).resolve().parent
BEST = "best_two"
Found = dict[str, list[dict[str, Any]]]


def judged(found: list[dict[str, Any]]) -> float:
    """Returns what a condition is chosen by: the mean AUC of validation and of origins left out, over the seeds."""
    scores = [one[part]["roc_auc"]["value"] for one in found for part in ("validation", "origins") if one[part]]
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if known else float("-inf")


def best_two(found: Mapping[str, list[dict[str, Any]]]) -> str:
    """Returns the two remedies that are best alone, as the name of the condition that has both."""
    ranked = sorted((name for name in found if name in REMEDIES), key=lambda name: -judged(found[name]))
    return "+".join(sorted(ranked[:2]))


def value_of(one: Mapping[str, Any] | None, *names: str) -> float | None:
    """Returns a number out of nested results, None where a part is missing."""
    here: Any = one
    for name in names:
        here = None if here is None else here.get(name)
    return here


def spread(found: list[dict[str, Any]], *names: str) -> dict[str, Any]:
    """Returns the mean of a number over the seeds, its lowest and its highest."""
    values = [value for one in found if (value := value_of(one, *names)) is not None]
    return {"mean": float(np.mean(values)) if values else None, "low": min(values, default=None),
            "high": max(values, default=None), "seeds": len(values)}  # fmt: skip


def columns(sets: list[str]) -> dict[str, tuple[str, ...]]:
    """Returns the columns of the table, and where each number stands."""
    shown = {
        "validation AUC": ("validation", "roc_auc", "value"),
        "origin left out AUC": ("origins", "roc_auc", "value"),
        "source probe": ("probe", "value"),
        "energy in lesion": ("lesions", "energy", "value"),
        "peak in lesion": ("lesions", "pointing", "value"),
    }
    for name in sets:
        for key, title in (("roc_auc", "AUC"), ("balanced_accuracy", "balanced accuracy"),
                           ("tumour_specificity", "specificity")):  # fmt: skip
            shown[f"{name} {title}"] = ("final", name, key, "value")
        shown[f"{name} energy in lesion"] = ("final", name, "lesions", "energy", "value")
    return shown


def summary(found: Found, sets: list[str]) -> list[dict[str, Any]]:
    """Returns a row for each condition."""
    return [
        {"condition": name, **{title: spread(seeds, *path) for title, path in columns(sets).items()}}
        for name, seeds in found.items()
    ]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as a table for a terminal and for Markdown."""
    titles = [title for title in rows[0] if any(row[title] != rows[0][title] or title == "condition" or
                                                row[title]["mean"] is not None for row in rows)]  # fmt: skip
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        cells = [row[title] if title == "condition" else _cell(row[title]) for title in titles]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(score: Mapping[str, Any]) -> str:
    if score["mean"] is None:
        return ""
    return f"{score['mean']:.2f}" + (f" ({score['low']:.2f} to {score['high']:.2f})" if score["seeds"] > 1 else "")


def draw(rows: list[dict[str, Any]], path: Path) -> Path:
    """Draws the AUC of each condition, one column of dots for each set, bars from the lowest to the highest seed."""
    titles = [title for title in rows[0] if title.endswith("AUC") and any(row[title]["mean"] for row in rows)]
    with theme():
        figure, axes = new_figure(1.6 + 1.7 * max(len(titles), 1), 0.6 + 0.32 * len(rows), columns=max(len(titles), 1))
        for number, (title, chart) in enumerate(zip(titles, np.ravel(axes))):
            for place, row in enumerate(rows):
                score = row[title]
                if score["mean"] is not None:
                    chart.plot([score["low"], score["high"]], [place, place], color="0.6", linewidth=2)
                    chart.plot(score["mean"], place, "o", color="C0")
            chart.axvline(0.5, color="0.7", linestyle=":")
            chart.set(xlim=(0.3, 1.02), ylim=(len(rows) - 0.5, -0.5), title=title.removesuffix(" AUC"), xlabel="AUC")
            chart.set_yticks(range(len(rows)), [row["condition"] for row in rows] if number == 0 else [])
        set_heading(figure, "Which training holds outside?")
    return save_figure(figure, path)


def check_setting(setting: Setting) -> None:
    """Writes down what the study's directory holds, or refuses another study in the same place."""
    path = setting.out / "setting.json"
    if not path.is_file():
        write_json(path, setting.to_dict())
    elif path.read_text(encoding="utf-8") != to_json(setting.to_dict()) + "\n":
        raise BrainTumorError(f"{path}: the study there was started with other settings; give another --out")


def study(setting: Setting, manifest: pd.DataFrame, conditions: tuple[str, ...], seeds: int) -> Found:
    """Trains and judges every cell that is not there yet; the best two remedies come last."""
    found: Found = {}
    alone = [name for name in conditions if name != BEST]
    for name in [*alone, *([BEST] if BEST in conditions else [])]:
        condition = best_two(found) if name == BEST else name
        cells = [Cell(condition, seed) for seed in range(seeds)]
        found[condition] = []
        for cell in cells:
            found[condition].append(selection(cell, manifest, setting))
            score = value_of(found[condition][-1], "validation", "roc_auc", "value")
            click.echo(f"{cell.name}: validation AUC {score:.3f}")
    return found


def say_seams(manifest: pd.DataFrame, images: int) -> None:
    """Makes pairs of some training images and says what a detector of seams finds."""
    rows = manifest[manifest["split"] == "train"]
    rows = rows.sample(min(images, len(rows)), random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        made = make_pairs(rows, folder)
        found = check_seams(made.manifest)
    click.echo(f"{made.to_dict()}")
    click.echo(f"controls against untouched pictures: AUC {found.detects:.3f}; counterfactual pictures against "
               f"controls: {found.separates:.3f} (0.5 is guessing; {found.pictures} pictures)")  # fmt: skip


@click.command()
@click.argument("folders", nargs=-1, required=True)
@click.option("--outside", multiple=True, metavar="NAME=FOLDER", help="An outside set; read with --final alone.")
@click.option("--final", "is_final", is_flag=True, help="Score the outside sets too, once everything is chosen.")
@click.option("--seams", type=click.IntRange(20), help="Only check for seams, on pairs of so many training images.")
@click.option("--conditions", multiple=True, default=(*CONDITIONS, BEST), show_default=True,
              help="plain, a remedy, several joined by +, lesion_aware, or best_two.")  # fmt: skip
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--model", default="MobileNetV2-0.35", show_default=True)
@click.option("--weights", default="imagenet", show_default=True)
@click.option("--image-size", default=160, show_default=True, type=click.IntRange(32))
@click.option("--preset", help="Training preset; by default the model's own.")
@click.option("--epochs", default=12, show_default=True, type=click.IntRange(1), help="Of the last stage.")
@click.option("--origins/--no-origins", default=True, show_default=True, help="Leave origins out one at a time, too.")
@click.option("--explained", default=150, show_default=True, help="Images with a lesion that are explained at most.")
@click.option("--out", default="models/outside", show_default=True, help="Where cells are kept.")
@click.option("--results", default=str(HERE / "results" / "outside.json"), help="The JSON to write.")
@click.option("--figure", default=str(HERE.parent / "plots" / "outside.png"), help="The figure to write.")
def main(
    folders: tuple[str, ...],
    outside: tuple[str, ...],
    is_final: bool,
    seams: int | None,
    conditions: tuple[str, ...],
    seeds: int,
    out: str,
    results: str,
    figure: str,
    **options: Any,
) -> None:
    """Trains, judges and, with --final, scores outside; prints the table."""
    try:
        sets = dict(each.split("=", 1) for each in outside)
    except ValueError:
        raise click.UsageError("--outside takes NAME=FOLDER") from None
    try:
        manifest = training_manifest(folders)
        if seams:
            say_seams(manifest, seams)
            return
        setting = Setting(folders=folders, out=Path(out), **options)
        check_setting(setting)
        found = study(setting, manifest, conditions, seeds)
        others = {name: outside_manifest(manifest, folder) for name, folder in sets.items()} if is_final else {}
        for condition, each in found.items():
            for seed, one in enumerate(each):
                one["final"] = final(Cell(condition, seed), others, setting) if is_final else None
    except BrainTumorError as error:
        raise click.ClickException(str(error)) from None
    rows = summary(found, list(others))
    record = {"setting": {**setting.to_dict(), "folders": [Path(folder).name for folder in folders]}}
    record |= {"images": manifest["split"].value_counts().to_dict(), "conditions": rows, "seeds": found}
    write_json(results, {**record, "environment": environment()})
    click.echo(f"\n{as_text(rows)}\n\n{results}, {draw(rows, Path(figure))}")


if __name__ == "__main__":
    main()
