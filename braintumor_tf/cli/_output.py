"""What several commands print in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from braintumor_tf.datasets import Scan
    from braintumor_tf.errors import ImageReadError
    from braintumor_tf.identity import LinkedScan
    from braintumor_tf.identity.loading import Indexes
    from braintumor_tf.report.sections.verdict import Verdict
    from braintumor_tf.runs import Run


def print_json(value: Any) -> None:
    """Prints a value as strict JSON to standard output."""
    from braintumor_tf.files import to_json

    click.echo(to_json(value))


def table_lines(rows: Sequence[Sequence[str]], *, width: int | None = None) -> list[str]:
    """Returns rows of text as columns; the last column is wrapped to the width of the terminal.

    Args:
        rows: of equal length; the first holds the titles.
        width: in characters; None for that of the terminal, 80 where there is none.
    """
    import shutil
    import textwrap

    width = width or shutil.get_terminal_size((80, 24)).columns
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    start = sum(each + 2 for each in widths)
    lines = []
    for row in rows:
        head = "".join(f"{text:{each}}  " for text, each in zip(row, widths))
        room = max(width - start, 20)
        parts = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"{head}{parts[0]}".rstrip(), *(" " * start + part for part in parts[1:])]
    return lines


def load_dataset(name: str, *, link: bool, data_dir: str, indexes: Sequence[str] = (), **reading: Any) -> LinkedScan:
    """Loads a data set for a command, and says on standard error what is odd, not used, and known of its origins.

    Args:
        name: what the user called it.
        link: whether to look for published pictures.
        data_dir: where data sets are kept.
        indexes: files of tables that are searched instead of those that come along.
        reading: arguments of `braintumor_tf.datasets.scan`: ``ignore``, ``label_from``.
    """
    from braintumor_tf.datasets import find_dataset
    from braintumor_tf.identity.links import open_indexes

    opened = open_indexes(indexes) if indexes else None  # a wrong table is refused before images are read
    scan = find_dataset(name, data_dir=data_dir, **reading)
    say_remarks(scan, name)
    return link_and_say(scan, name, link=link, indexes=opened)


def refuse_unwritable(folder: Path) -> None:
    """Raises BrainTumorError where a folder cannot be made or written, before images are read; makes nothing."""
    import os

    from braintumor_tf.errors import BrainTumorError

    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise BrainTumorError(f"{folder}: cannot be written, {there} is no folder; name another one by --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BrainTumorError(f"{folder}: cannot be written (no permission in {there}); name another one by --out")


def refuse_taken(folder: Path) -> None:
    """Raises RunError where a run or a ladder is in a folder, BrainTumorError where it cannot be written."""
    from braintumor_tf.runs import Run

    refuse_unwritable(folder)
    Run(folder).refuse_if_taken()


def refuse_one_class(manifest: pd.DataFrame, names: Sequence[str]) -> None:
    """Raises DatasetError where all images have one label, of which nothing can be learned."""
    from braintumor_tf.errors import DatasetError

    found = manifest["label"].unique()
    if len(found) < 2:
        only = f"holds one class alone ({', '.join(map(str, found))})"
        raise DatasetError(f"{', '.join(names)}: {only}; give a data set of two classes or more")


def say_remarks(scan: Scan, name: str) -> None:
    """Prints to standard error what is odd about a data set, and what of it is not used."""
    for remark in scan.remarks:
        click.echo(f"{name}: {remark}", err=True)


def load_datasets(names: Sequence[str], *, binary: bool = False, drop_copies: bool = False, **where: Any) -> LinkedScan:
    """Loads a data set for a command, or several as one; says on standard error what was found in them.

    Args:
        names: what the user called them.
        binary: whether several are merged as tumour or not.
        drop_copies: whether copies are left out of several.
        where: how each is found and read, as `load_dataset` takes it.
    """
    scans = [load_dataset(name, **where) for name in names]
    return merge_and_say(scans, names, binary=binary, drop_copies=drop_copies)


def merge_and_say(
    scans: Sequence[LinkedScan], names: Sequence[str], *, binary: bool = False, drop_copies: bool = False
) -> LinkedScan:
    """Merges scans for a command, and says what was found between them; a single one is returned as it is."""
    if len(scans) == 1:
        return scans[0]
    from braintumor_tf.leakage import merge

    found = merge(*scans, names=names, binary=binary, drop_copies=drop_copies)
    for sentence in found.merge.sentences:
        click.echo(sentence, err=True)
    return found


def link_and_say(scan: Scan, name: str, *, link: bool, cache: bool = True, indexes: Indexes = None) -> LinkedScan:
    """Links a scan for a command; nothing is said where nothing was found."""
    from braintumor_tf.identity import link_scan

    found = link_scan(scan, link=link, cache=cache, indexes=indexes)
    for line in (found.links.sentence, found.links.warning) if found.links else ():
        if line:
            click.echo(f"{name}: {line}", err=True)
    return found


def group_and_say(manifest: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Groups the images of one data set for a command; a group that its own table names is kept, and that is said.

    Returns:
        The manifest with its groups, and what ``config.json`` shall remember of it: one remark or none.
    """
    from braintumor_tf.leakage import fill_groups

    own = int((manifest["group"] != "").sum())
    if not own:
        return fill_groups(manifest), []
    said = (
        f"{own:,} of {len(manifest):,} images have a group of the table's own, which is kept: near-duplicates in two "
        "of its groups may lie on both sides of a split"
    )
    click.echo(f"{name}: {said}", err=True)
    return fill_groups(manifest), [said]


def say_verdict(verdict: Verdict) -> None:
    """Prints the sentences of a verdict, and its warnings as cautions."""
    for sentence in verdict.sentences:
        click.echo(sentence)
    for warning in verdict.warnings:
        click.echo(f"Caution: {warning}")


def say_scores(
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    config: Mapping[str, Any],
    *,
    calibration: Mapping[str, Any] | None = None,
) -> None:
    """Prints what scores come to."""
    from braintumor_tf.report.sections.scores import patient_sentences
    from braintumor_tf.report.sections.verdict import run_verdict

    say_verdict(run_verdict(metrics, predictions, manifest, config, calibration=calibration))
    for sentence in patient_sentences(metrics):
        click.echo(sentence)


def say_overlap(manifest: pd.DataFrame, external: str | None) -> None:
    """Says how many images of another data set were left out, where one was scored."""
    if external:
        overlap = int((manifest["split"] == "overlap").sum())
        click.echo(
            f"{overlap} images of {external} have a near-duplicate or their patient in training or validation and are "
            "left out."
        )


def say_origins(run: Run) -> None:
    """Prints the score of each origin that was left out, and which ones were not, where a run did so."""
    from braintumor_tf.report.wording.numbers import counted, score_text
    from braintumor_tf.report.wording.origins import origin_title

    for row in run.metrics.get("folds", {}).get("runs", []):
        if "origin" in row:
            score = f"macro-F1 {score_text(row['macro_f1'], 2)} on {counted(row['images'], 'image')}"
            click.echo(f"Trained without {origin_title(row['origin'])}, tested on it: {score}.")
    for reason in run.config.get("origins_kept_in", {}).values():
        click.echo(f"{reason[0].upper()}{reason[1:]}.")
    overlap = run.metrics.get("overlap") if run.config.get("external") is None else 0
    if overlap:
        click.echo(f"{counted(overlap, 'image')} left out: a near-duplicate or the patient is in another origin too.")


def say_run(run: Run, report: Path) -> None:
    """Prints what the scores of a finished run come to, and where its report is."""
    say_overlap(run.manifest, run.config.get("external"))
    say_origins(run)
    say_scores(run.metrics, run.predictions, run.manifest, run.config, calibration=run.calibration)
    say_path("report", report)


def say_ladder(folder: Path) -> None:
    """Writes the reports and the figure of a finished leak ladder, and prints its table."""
    from braintumor_tf.experiments import read_ladder
    from braintumor_tf.report import write_report
    from braintumor_tf.report.plots.ladder import leak_ladder
    from braintumor_tf.report.plots.style import save_figure
    from braintumor_tf.report.sections.ladder import ladder_sentences, ladder_text

    ladder = read_ladder(folder)
    folders = [folder / f"seed_{seed}" for seed in ladder.seeds] if ladder.single else [folder]
    for place in folders:
        for name in dict.fromkeys(rung.run for rung in ladder.rungs):
            report = write_report(place / name)
    figure = save_figure(leak_ladder(ladder), folder / "leak_ladder.png")
    click.echo(ladder_text(ladder))
    for sentence in ladder_sentences(ladder):
        click.echo(sentence)
    say_path("figure", figure)
    say_path("report", report)


def resuming_words(out: Path, *, ladder: bool) -> list[str] | None:
    """Returns the words that go on with an interrupted training; None where nothing of it was written yet."""
    names = ("ladder_settings.json" if ladder else "config.json", "manifest.csv")
    begun = all((out / name).is_file() for name in names)
    return ["train", *(["--ladder"] if ladder else []), "--resume", str(out)] if begun else None


def say_path(name: str, path: Path) -> None:
    """Prints where something was written."""
    click.echo(f"{name}: {path.resolve()}")


def error_rows(errors: Iterable[ImageReadError]) -> list[dict[str, str]]:
    """Returns errors of single files as rows of JSON."""
    return [{"path": error.path, "error": error.reason} for error in errors]


def exit_with(errors: Iterable[ImageReadError]) -> None:
    """Prints errors of single files to standard error and ends the command with 1, if there is one."""
    errors = list(errors)
    for error in errors:
        click.echo(f"braintumor-tf: {error}", err=True)
    if errors:
        raise SystemExit(1)
