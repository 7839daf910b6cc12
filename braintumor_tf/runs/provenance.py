"""Where a run comes from: the fingerprint of its data, the versions, the commit and the machine that made it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

PACKAGES = ("braintumor_tf", "tensorflow", "jax", "keras", "numpy", "pandas", "scikit-learn", "scikit-image", "Pillow")
"""Packages whose versions a run records, where they are installed."""


def data_fingerprint(manifest: pd.DataFrame) -> str:
    """Returns a SHA-256 over the sorted content, label and split of all images.

    It does not depend on paths or order.
    """
    rows = sorted(manifest["md5"] + " " + manifest["label"] + " " + manifest["split"])
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def environment() -> dict[str, Any]:
    """Returns what a result depends on beside its settings: versions, commit, hardware."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "accelerators": _accelerators(),
        "git_commit": _git_commit(),
        "packages": versions,
    }


def _accelerators() -> list[str]:
    """Names the accelerators of the imported TensorFlow, else of the imported JAX: asking must import neither."""
    tensorflow, jax = sys.modules.get("tensorflow"), sys.modules.get("jax")
    if hasattr(tensorflow, "config"):
        return [device.name for device in tensorflow.config.list_physical_devices() if device.device_type != "CPU"]
    if hasattr(jax, "local_devices"):
        return [device.device_kind for device in jax.local_devices() if device.platform != "cpu"]
    return []


def _git_commit() -> str | None:
    """The commit of the package's own checkout, None for an installed one."""
    folder = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
