"""The command ``audit``: can a score on a folder be believed?"""

from __future__ import annotations

from typing import Any

import click

from braintumor_tf.cli._options import (
    DATA_DIR,
    DROP_COPIES,
    MERGE_BINARY,
    NO_LINK,
    json_option,
    layout_options,
    refuse_for_one,
)
from braintumor_tf.cli._output import link_and_say, merge_and_say, print_json

LEAK_EXIT_CODE = 3
"""How ``--fail-on leak`` ends where test images have near-duplicates or their patient in training."""


@click.command()
@click.argument("folder", metavar="DIR", required=False)
@click.option(
    "--dataset", "datasets", multiple=True, metavar="DIR", help="Another part of what is audited; several are merged."
)
@click.option("--against", multiple=True, metavar="DIR2", help="Another data set to compare with; may be repeated.")
@layout_options
@json_option("Print one JSON object to standard output.")
@click.option("--html", metavar="FILE", help="Write a page that shows near-duplicate pairs side by side.")
@click.option(
    "--fail-on",
    type=click.Choice(["leak"]),
    help=f"Exit with {LEAK_EXIT_CODE} if test images have near-duplicates or their patient in training, or "
    "another data set overlaps.",
)
@click.option(
    "--distance", default=8, show_default=True, help="Bits that perceptual hashes of near-duplicates differ in."
)
@click.option("--correlation", default=0.9, show_default=True, help="Least correlation of their thumbnails.")
@click.option("--no-poses", is_flag=True, help="Do not look for mirrored, turned, cropped or shifted copies.")
@click.option("--labels", is_flag=True, help="Rank suspicious labels too; needs the extra labels (cleanlab).")
@MERGE_BINARY
@DROP_COPIES
@NO_LINK
@click.option("--strict", is_flag=True, help="Stop at unreadable files instead of listing them.")
@click.option("--no-cache", is_flag=True, help="Read every file again.")
@DATA_DIR
def audit(
    folder: str | None,
    datasets: tuple[str, ...],
    against: tuple[str, ...],
    layout: dict[str, Any],
    as_json: bool,
    html: str | None,
    fail_on: str | None,
    distance: int,
    correlation: float,
    no_poses: bool,
    labels: bool,
    binary: bool,
    drop_copies: bool,
    no_link: bool,
    strict: bool,
    no_cache: bool,
    data_dir: str,
) -> None:
    """Audits a labelled image folder: duplicates, patients across splits, origins, wrong labels, bad files, overlaps.

    DIR is a folder, a CSV, or the name of a source that was fetched.

    \b
    Example: braintumor-tf audit data/sartaj --against data/navoneel --html audit.html
    Example: braintumor-tf audit --dataset data/sartaj --dataset data/masoud
    """
    names = [*([folder] if folder else []), *datasets]
    if not names:
        raise click.UsageError("give DIR, or --dataset DIR")
    refuse_for_one(names, binary=binary, drop_copies=drop_copies)
    if labels:
        from braintumor_tf.leakage.label_issues import require_cleanlab

        require_cleanlab()  # before images are read
    from braintumor_tf.datasets import find_dataset
    from braintumor_tf.leakage.audit_report import format_audit
    from braintumor_tf.leakage.folder_audit import audit as audit_folder

    cache, scans = not no_cache, []
    how = {
        "strict": strict,
        "cache": cache,
        **layout,
    }
    for name in (*names, *against):
        found = find_dataset(name, data_dir=data_dir, **how)
        scans.append(link_and_say(found, name, link=not no_link, cache=cache))
    others = scans[len(names) :]
    first = merge_and_say(scans[: len(names)], names, binary=binary, drop_copies=drop_copies)
    report = audit_folder(first, others, distance=distance, correlation=correlation, poses=not no_poses, labels=labels)
    if html:
        from braintumor_tf.report.pages.audit import write_audit_page

        click.echo(f"wrote {write_audit_page(report, html)}", err=True)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(format_audit(report))
    if fail_on == "leak" and report.leak:
        raise SystemExit(LEAK_EXIT_CODE)
