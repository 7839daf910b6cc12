"""Sentences on an exported model: what it was made of, and how near it is to that."""

from __future__ import annotations

from braintumor_tf.models.exported.contract import Contract, Parity
from braintumor_tf.report.wording.numbers import counted


def export_sentences(contract: Contract) -> list[str]:
    """Returns sentences on an exported model for its model card: what it is, and its parity where that was measured."""
    kind = f"{contract.format}, 8-bit integers" if contract.int8 else f"{contract.format}, float32"
    sources = ", ".join(f"{name} (SHA-256 {file.sha256})" for name, file in contract.source.items())
    files = ", ".join(f"{name} (SHA-256 {file.sha256})" for name, file in contract.files.items())
    made = [f"Exported from the run {contract.run} as {kind}.", f"Made of {sources}.", f"Files: {files}."]
    return [*made, *(parity_sentences(contract.parity) if contract.parity else [])]


def parity_sentences(parity: Parity) -> list[str]:
    """Says how near an exported model is to its run.

    Example:
        >>> found = dict(images=84, changed=0, largest_difference=2e-7, mean_difference=1e-8, tolerance=1e-4)
        >>> cost = dict(bytes=3_600_000, source_bytes=5_700_000, milliseconds_per_image=0.2)
        >>> parity = Parity(**found, **cost, allowed_changed=0.0, source_milliseconds_per_image=1.26)
        >>> for sentence in parity_sentences(parity):
        ...     print(sentence)
        Of 84 test images, 0 (0.0%) are answered otherwise than by the run; 0.0% were allowed.
        Probabilities differ by 2e-07 at most and by 1e-08 on average; 0.0001 was allowed.
        The model takes 3.6 MB instead of 5.7 MB, and 0.20 ms an image instead of 1.26 ms on the machine of the export.
    """
    limit = f"; {parity.tolerance:g} was allowed" if parity.tolerance is not None else ""
    return [
        f"Of {counted(parity.images, 'test image')}, {parity.changed} ({parity.changed_share:.1%}) are answered "
        f"otherwise than by the run; {parity.allowed_changed:.1%} were allowed.",
        f"Probabilities differ by {parity.largest_difference:.1g} at most and by {parity.mean_difference:.1g} on "
        f"average{limit}.",
        f"The model takes {parity.bytes / 1e6:.1f} MB instead of {parity.source_bytes / 1e6:.1f} MB, and "
        f"{parity.milliseconds_per_image:.2f} ms an image instead of {parity.source_milliseconds_per_image:.2f} ms "
        "on the machine of the export.",
    ]
