"""The model card of a run: MODEL_CARD.md, written from the run's own files and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from braintumor_tf._version import __version__
from braintumor_tf.experiments.ladder_result import Ladder
from braintumor_tf.files import write_text
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.models.exported.contract import read_contract
from braintumor_tf.report.model_card.data import card_data
from braintumor_tf.report.model_card.details import card_details, citation, metadata
from braintumor_tf.report.model_card.markdown import front_matter, render_markdown
from braintumor_tf.report.model_card.scores import card_scores
from braintumor_tf.report.plots.selection import scored_images
from braintumor_tf.report.sections.ladder import ladder_sentences
from braintumor_tf.report.sections.members import members_section
from braintumor_tf.report.sections.scores import interval_sentences, patient_section
from braintumor_tf.report.sections.verdict import run_verdict
from braintumor_tf.report.wording.parity import export_sentences
from braintumor_tf.report.wording.run_texts import proof_text, run_title, setting, sides_text
from braintumor_tf.runs import Run, is_imported

FILE = "MODEL_CARD.md"


def write_model_card(run: Run | str | Path) -> Path:
    """Writes ``MODEL_CARD.md`` into a finished run; `report.write_report` does so too.

    Headings follow Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993; the metadata at its
    head are those of Hugging Face's model cards. Every number comes from the files of the run. What was not measured
    yet (calibration, noise, explanations) is named as missing, with the command that makes it.

    Args:
        run: the run, or its directory; of any kind: single, k-fold, ensemble, external, binary.

    Returns:
        The path of the card.

    Raises:
        RunError: the run is missing or has not been scored.

    Example:
        >>> write_model_card("models/cnn").name  # doctest: +SKIP
        'MODEL_CARD.md'
    """
    run = Run.of(run)
    return write_text(run.path / FILE, render_model_card(run))


def render_model_card(run: Run) -> str:
    """Returns the text of a run's model card; nothing is written."""
    return render_markdown(FILE, **_context(run))


def _context(run: Run) -> dict[str, Any]:
    config, metrics, manifest = run.config, run.metrics, run.manifest
    tested = scored_images(run.predictions, metrics)
    near_duplicates = near_duplicate_in_training(tested, manifest)
    title = run_title(config, run.name)
    return {
        "version": __version__,
        "title": title,
        "head": front_matter(metadata(config, metrics, title)),
        "verdict": run_verdict(
            metrics,
            run.predictions,
            manifest,
            config,
            explanations=run.explanations,
            calibration=run.calibration,
        ),
        "protocol": str(setting(config, "protocol") or "not recorded"),
        "split_text": sides_text(config, manifest),
        "ladder": ladder_sentences(Ladder.from_dict(run.ladder)) if run.ladder else [],
        "proof": proof_text(config),
        "folds": bool(metrics.get("folds")),
        "export": export_sentences(read_contract(run.path)) if "exported" in config else [],
        "imported": is_imported(config),
        "images": len(tested),
        "test_groups": metrics.get("groups"),
        "interval_sentences": interval_sentences(metrics),
        "patients": patient_section(metrics),
        "members": members_section(metrics, config),
        "data": card_data(manifest, config),
        "citation": citation(config),
        **card_details(run, config, metrics),
        **card_scores(run, metrics, tested, near_duplicates, config),
    }
