"""Does noise in training help against noise, and what does it cost? And what are duplicates and more epochs worth?

    KERAS_HOME=directory/with/models python benchmarks/noise_study.py FOLDER --workers 2

The same network is trained clean, with each of three noises, and with all three, for each number of epochs, each
protocol, and with duplicates left in or removed; every model is tested clean, on the three noises and on four that none
has seen, at five severities. Each of these cells is a run directory of its own. Finished cells are skipped when the
command is given again, and interrupted ones go on; the same command may be given several times at once, on one
machine, and all processes share the cells. With KERAS_BACKEND=jax, TensorFlow need not be installed.

Training noise is that of ``braintumor-tf train --noise … --severity 1-5 --noise-probability 0.5``; its size is
``--noise-size`` there and ``--training-noise-size`` here. It should be chosen on the validation images
(``--scored validation``); the test images are for the last word. On validation images losses under noise tend to be too
large: the epoch was chosen by its score on these very images, clean, which flatters the clean score most.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import click  # noqa: E402
from noise_study_cells import (  # noqa: E402
    CONDITIONS,
    KEPT,
    REMOVED,
    SEEN,
    UNSEEN,
    Cell,
    Manifests,
    Setting,
    all_cells,
    split_manifests,
    work,
)
from noise_study_tables import (  # noqa: E402
    SEVERITY,
    check_goals,
    curves,
    describe_manifests,
    duplicates_table,
    long_table,
    main_place,
    noise_table,
    read_cells,
    summarise,
)

from braintumor_tf.augment.noise import parse_severities  # noqa: E402
from braintumor_tf.errors import BrainTumorError  # noqa: E402
from braintumor_tf.files import to_json, write_csv, write_json  # noqa: E402
from braintumor_tf.report.plots.robustness import robustness_curves  # noqa: E402
from braintumor_tf.report.plots.style import save_figure  # noqa: E402
from braintumor_tf.runs import Run  # noqa: E402

HERE = Path(__file__).resolve().parent
FIGURE_BYTES = 150_000


def train_all(cells: list[Cell], manifests: Manifests, setting: Setting, workers: int) -> list[Cell]:
    """Trains and scores what is not finished, in this process or in several; returns the cells that are not done."""
    todo = [cell for cell in cells if not setting.is_done(cell)]
    click.echo(f"{len(cells)} cells, {len(todo)} to do")
    if workers == 1 or len(todo) < 2:
        work(todo, manifests, setting)
    else:
        context = multiprocessing.get_context("spawn")
        crew = [context.Process(target=work, args=(todo, manifests, setting)) for _ in range(min(workers, len(todo)))]
        for process in crew:
            process.start()
        for process in crew:
            process.join()
    return [cell for cell in todo if not setting.is_done(cell)]


def shared(setting: Setting) -> dict[str, Any]:
    """Returns what all cells share as plain values, without the study's place."""
    return {key: value for key, value in asdict(setting).items() if key != "out"}


def check_setting(setting: Setting) -> None:
    """Writes down what the study's directory holds, or refuses another study in the same place."""
    path = setting.out / "setting.json"
    if not path.is_file():
        write_json(path, shared(setting))
    elif path.read_text(encoding="utf-8") != to_json(shared(setting)) + "\n":
        raise BrainTumorError(f"{path}: the study there was started with other settings; give another --out")


def collect(cells: list[Cell], manifests: Manifests, setting: Setting, results: Path, figure: Path) -> None:
    """Writes ``study.csv``, the JSON and the figure, and prints the tables."""
    found = read_cells(cells, setting)
    records = summarise(found, manifests)
    images = describe_manifests(manifests, setting.scored)
    write_csv(setting.out / "study.csv", long_table(found))
    goals, place = check_goals(records), main_place(records)
    chart = robustness_curves(curves(found, place), title="Does training with noise help?")
    save_figure(chart, figure, limit=FIGURE_BYTES)
    run = Run.of(setting.path_of(cells[0]))
    write_json(
        results,
        {
            "setting": {**shared(setting), "folder": Path(setting.folder).name},
            "noises": {"seen": SEEN, "unseen": UNSEEN, "severity_of_losses": SEVERITY},
            "weights_used": run.config["weights_used"],
            "environment": run.config["environment"],
            "images": images,
            "records": records,
            "goals": goals,
        },
    )
    click.echo(f"\n{place['protocol']} split, duplicates {place['duplicates']}, {place['epochs']} epochs\n")
    click.echo(noise_table(records, place))
    click.echo(f"\n{duplicates_table(records, images)}\n")
    for name, goal in goals.items():
        click.echo(
            f"goal {name}: at most {100 * goal['at_most']:g} points, reached {100 * goal['reached']['value']:.1f}: "
            f"{'met' if goal['met'] else 'missed'}"
        )
    click.echo(f"{setting.out / 'study.csv'}, {results}, {figure}")


@click.command()
@click.argument("folder")
@click.option("--model", default="MobileNetV2-0.35", show_default=True)
@click.option("--weights", default="imagenet", show_default=True, help="random, imagenet or a file.")
@click.option("--image-size", default=96, show_default=True, help="Side in pixels.")
@click.option("--preset", help="Training preset; by default the model's own.")
@click.option("--trains", help="What the last stage trains: all, head, a number of blocks or a share.")
@click.option("--precision", default="auto", show_default=True, help="auto, float32, mixed_float16, mixed_bfloat16.")
@click.option("--epochs", multiple=True, default=(12, 20), show_default=True, type=click.IntRange(1))
@click.option(
    "--duplicates", multiple=True, default=(KEPT, REMOVED), show_default=True, type=click.Choice([KEPT, REMOVED])
)
@click.option(
    "--protocol", multiple=True, default=("grouped",), show_default=True, type=click.Choice(["grouped", "random"]),
    help="How images are split; random is the usual way, which leaks.",
)  # fmt: skip
@click.option(
    "--conditions", multiple=True, default=tuple(CONDITIONS), show_default=True, type=click.Choice(list(CONDITIONS))
)
@click.option("--seeds", default=1, show_default=True, help="Trainings of each cell; the split stays the same.")
@click.option("--severity", default="1-5", show_default=True, help="Of the training noise, drawn for each image.")
@click.option("--noise-probability", default=0.5, show_default=True, help="Share of training images with noise.")
@click.option(
    "--noise-size", default=224, show_default=True, help="Side of the test pictures when noise is added to them."
)
@click.option(
    "--training-noise-size",
    type=click.IntRange(1),
    help="Side of the training images when noise is added to them; by default --image-size.",
)
@click.option("--scored", default="test", show_default=True, type=click.Choice(["test", "validation"]))
@click.option("--out", default="models/noise_study", show_default=True, help="Where the runs and study.csv go.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that share the cells.")
@click.option("--results", default=str(HERE / "results" / "noise_study.json"), help="The JSON to write.")
@click.option("--figure", default=str(HERE.parent / "plots" / "readme_noise.png"), help="The figure to write.")
def main(
    epochs: tuple[int, ...],
    duplicates: tuple[str, ...],
    protocol: tuple[str, ...],
    conditions: tuple[str, ...],
    seeds: int,
    severity: str,
    noise_probability: float,
    out: str,
    workers: int,
    results: str,
    figure: str,
    **options: Any,
) -> None:
    """Trains and tests every cell on the images of FOLDER, and prints the tables."""
    try:
        severities = parse_severities(severity)
        setting = Setting(**options, severities=severities, probability=noise_probability, out=Path(out))
        check_setting(setting)
        manifests = split_manifests(setting.folder, protocol, duplicates)
        for row in describe_manifests(manifests, setting.scored):
            click.echo(
                f"{row['protocol']}, duplicates {row['duplicates']}: {row['images']:,} images, {row['training']:,} to "
                f"train on, {row['scored_images']} scored, {row['with_twin']} of them with a look-alike in training"
            )
        cells = all_cells(protocol, duplicates, epochs, conditions, seeds)
        missing = train_all(cells, manifests, setting, workers)
        if missing:
            raise BrainTumorError(
                f"{len(missing)} cells are not finished ({missing[0].name} and so on): another process works at them, "
                "or they failed as said above; give the command again"
            )
        collect(cells, manifests, setting, Path(results), Path(figure))
    except BrainTumorError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
