"""The command ``doctor``: what is installed and at hand, what is wrong, and the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from braintumor_tf.cli._options import DATA_DIR, json_option
from braintumor_tf.cli._output import print_json, table_lines

PACKAGE = "braintumor_tf"
LEAST_FREE = 2e9
"""Bytes of free disk below which downloads and caches fail soon."""

SECONDS = 300
"""How long TensorFlow may take to name its devices; a first import from a slow disk takes minutes."""

_ASK = (
    "import tensorflow as tf\n"
    "for each in tf.config.list_physical_devices():\n"
    "    about = tf.config.experimental.get_device_details(each) if each.device_type == 'GPU' else {}\n"
    "    print('device:', each.name.removeprefix('/physical_device:'), about.get('device_name', ''))\n"
)


@click.command()
@click.option("--devices", is_flag=True, help="Import TensorFlow and ask it for its devices; takes longer.")
@json_option("Print one JSON object.")
@DATA_DIR
def doctor(devices: bool, as_json: bool, data_dir: str) -> None:
    """Says what is installed and at hand, what is wrong, and the command that mends it. Exits with 1 if something is.

    Versions, devices, memory, disk, cache, weights, data sets and extras. TensorFlow is imported with --devices alone.

    \b
    Example: braintumor-tf doctor
    Example: braintumor-tf doctor --devices --json
    """
    found = examine(data_dir, devices=devices)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(_lines(found)))
    if found["problems"]:
        raise SystemExit(1)


def examine(data_dir: str | Path, *, devices: bool = False) -> dict[str, Any]:
    """Returns what `doctor` prints.

    Args:
        data_dir: where data sets are kept.
        devices: whether to ask TensorFlow, in a process of its own, for its devices.

    Returns:
        ``versions``, ``devices``, ``memory``, ``cache``, ``weights``, ``datasets``, ``extras``, and ``problems``, each
        with ``what`` is wrong and the command or step to ``mend`` it.
    """
    problems: list[dict[str, str]] = []
    versions = {"python": platform.python_version(), **_versions(problems)}
    return {
        "versions": versions,
        "devices": _devices(problems, ask=devices),
        "memory": _memory(),
        "cache": _cache(problems),
        "weights": _weights(problems),
        "datasets": _datasets(data_dir),
        "extras": _extras(),
        "problems": problems,
    }


def requirements(extra: str = "") -> Iterator[Any]:
    """Yields what the installed package requires, or what one of its extras adds; nothing where it is not installed."""
    from packaging.requirements import Requirement

    try:
        texts = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return
    for text in texts:
        one = Requirement(text)
        plain = one.marker is None or one.marker.evaluate({"extra": ""})
        wanted = one.marker is not None and not plain and one.marker.evaluate({"extra": extra})
        if wanted if extra else plain:
            yield one


def unmet(extra: str = "") -> list[tuple[str, str]]:
    """Returns each requirement that is not met, with the version that is there, ``""`` where there is none."""
    found = []
    for one in requirements(extra):
        there = _version(one.name)
        if not there or not one.specifier.contains(there, prereleases=True):
            found.append((f"{one.name}{one.specifier}", there))
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _versions(problems: list[dict[str, str]]) -> dict[str, str]:
    from braintumor_tf._version import __version__

    if not _version(PACKAGE):
        problems.append({"what": f"{PACKAGE} is imported, but not installed", "mend": f"pip install {PACKAGE}"})
    for need, there in unmet():
        what = f"{need} is needed, {there or 'nothing'} is installed"
        problems.append({"what": what, "mend": f"pip install '{need}'"})
    names = sorted({one.name for one in requirements()}, key=str.lower)
    return {PACKAGE: __version__, **{name: there for name in names if (there := _version(name))}}


def _devices(problems: list[dict[str, str]], *, ask: bool) -> dict[str, Any]:
    """The cards that the driver names, and the devices of TensorFlow where it is asked."""
    cards = [line.strip() for line in _answer(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], 10)]
    found: dict[str, Any] = {"cores": os.cpu_count(), "nvidia": cards, "tensorflow": None}
    mend = f"pip install '{PACKAGE}[gpu]'"
    if ask:
        lines = _answer([sys.executable, "-c", _ASK], SECONDS)
        found["tensorflow"] = [line.removeprefix("device:").strip() for line in lines if line.startswith("device:")]
        if not found["tensorflow"]:
            again = "pip install --force-reinstall tensorflow"
            problems.append({"what": "TensorFlow cannot be imported or sees no device", "mend": again})
        elif cards and not any(name.startswith("GPU") for name in found["tensorflow"]):
            problems.append({"what": f"TensorFlow does not see {cards[0]}", "mend": mend})
    elif cards and sys.platform == "linux" and not any(_version(f"nvidia-cudnn-cu{major}") for major in (12, 13)):
        problems.append({"what": f"{cards[0]} is there, but not the libraries to use it", "mend": mend})
    return found


def _answer(words: list[str], seconds: float) -> list[str]:
    """The lines that a program prints; none where it is missing, fails or takes too long."""
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def _memory() -> dict[str, int | None]:
    from braintumor_tf.datasets.formats.memory import memory_limit

    return {"limit_bytes": memory_limit(), "free_disk_bytes": shutil.disk_usage(".").free}


def _cache(problems: list[dict[str, str]]) -> dict[str, Any]:
    from braintumor_tf.datasets.cache import cache_directory

    folder = cache_directory()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    elsewhere = "export BRAINTUMOR_TF_CACHE=DIR  # another folder"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        problems.append({"what": f"the cache {folder} cannot be written; images are read again", "mend": elsewhere})
    elif (free := shutil.disk_usage(there).free) < LEAST_FREE:
        problems.append({"what": f"{free / 1e9:.1f} GB are free at {there}", "mend": elsewhere})
    return {"path": str(folder), "bytes": size}


def _weights(problems: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Models whose ImageNet weights are there; a file that is damaged is a problem."""
    from braintumor_tf.cli.models.listing import model_rows

    rows = [row for row in model_rows() if row["get_imagenet"]]
    for row in rows:
        if row["damaged"]:
            mend = f"rm '{row['damaged']}' && {row['get_imagenet']}"
            problems.append({"what": f"the weights of {row['name']} are damaged", "mend": mend})
    return [{"model": row["name"], "file": row["imagenet_file"]} for row in rows if row["imagenet_file"]]


def _datasets(data_dir: str | Path) -> list[dict[str, Any]]:
    from braintumor_tf.datasets.sources.table import SOURCES

    places = {source.name: Path(data_dir) / source.name for source in SOURCES}
    return [{"name": name, "path": str(path) if path.exists() else None} for name, path in places.items()]


def _extras() -> list[dict[str, Any]]:
    """Which extras are complete, and what each other one lacks."""
    try:
        names = metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []
    lacking = {name: [need for need, _ in unmet(name)] for name in names}
    return [{"name": name, "missing": missing} for name, missing in lacking.items()]


def _lines(found: dict[str, Any]) -> list[str]:
    """The findings as a table, then what is wrong."""
    devices, memory, cache = found["devices"], found["memory"], found["cache"]
    asked = devices["tensorflow"]
    named = [f"{devices['cores']} cores", *devices["nvidia"]]
    named += ["TensorFlow not asked (--devices)"] if asked is None else [f"TensorFlow: {', '.join(asked) or 'none'}"]
    limit = memory["limit_bytes"]
    amounts = [] if limit is None else [f"{limit / 1e9:.1f} GB of memory"]
    amounts.append(f"{memory['free_disk_bytes'] / 1e9:.1f} GB of disk free here")
    absent = [row["name"] for row in found["datasets"] if not row["path"]]
    rows = [
        ("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items())),
        ("devices", ", ".join(named)),
        ("memory", ", ".join(amounts)),
        ("cache", f"{cache['path']}, {cache['bytes'] / 1e6:.1f} MB"),
        ("weights", ", ".join(row["model"] for row in found["weights"]) or "none (braintumor-tf models list)"),
        ("data sets", ", ".join(row["path"] for row in found["datasets"] if row["path"]) or "none"),
        *([("", f"not there: {', '.join(absent)} (braintumor-tf datasets fetch NAME)")] if absent else []),
        ("extras", ", ".join(row["name"] for row in found["extras"] if not row["missing"]) or "none"),
        *((("", f"[{row['name']}] lacks {', '.join(row['missing'])}")) for row in found["extras"] if row["missing"]),
    ]
    lines = table_lines([("", ""), *rows])[1:]
    for problem in found["problems"]:
        lines += ["", f"Wrong: {problem['what']}", f"  {problem['mend']}"]
    return lines if found["problems"] else [*lines, "", "Nothing is wrong."]
