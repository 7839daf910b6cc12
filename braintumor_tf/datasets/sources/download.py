"""Fetching a declared source once, so that it lies at ``data/<name>`` from then on."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from braintumor_tf.datasets.sources.figshare import fetch_figshare
from braintumor_tf.datasets.sources.table import FIGSHARE, Source, get_source
from braintumor_tf.errors import DatasetError
from braintumor_tf.files import DOWNLOAD_TIMEOUT

_KAGGLE = "https://api.kaggle.com"


def fetch(name: str, *, data_dir: str | Path = "data") -> Path:
    """Makes a declared source available at ``data_dir/<name>``.

    A folder that is already there is used as it is, without a network. Kaggle's sets are downloaded by `kagglehub` into
    its own cache and linked; where links are not possible the path in the cache is returned. figshare's set is
    downloaded, checked by MD5 and converted to PNG, with a ``manifest.csv`` that names each patient.

    Args:
        name: the short name of a source, such as ``"navoneel"``.
        data_dir: where data sets lie.

    Returns:
        The folder of the images. An interruption never leaves half of it there.

    Example:
        >>> fetch("navoneel")  # doctest: +SKIP
        PosixPath('data/navoneel')

    Raises:
        DatasetError: the name is unknown, there is no network, or the host refuses; the text says what to do.
    """
    source = get_source(name)
    target = Path(data_dir) / source.name
    if target.is_dir() and any(target.iterdir()):
        return target
    if source.host == FIGSHARE:
        return fetch_figshare(source, target)
    return _link(target, _inner(source, _download(source, target)))


def _download(source: Source, target: Path) -> Path:
    try:
        import kagglehub
        import requests
    except ImportError as error:
        raise DatasetError(
            f"{source.name}: fetching needs kagglehub (pip install kagglehub); {_by_hand(source, target)}"
        ) from error
    handle = f"{source.handle}/versions/{source.version}" if source.version else source.handle
    try:
        if (
            not _on_kaggle()
        ):  # kagglehub waits without limit where a firewall swallows packets, so the way is tried first
            try:
                requests.head(_KAGGLE, timeout=DOWNLOAD_TIMEOUT)
            except (requests.ConnectionError, requests.Timeout):
                handle = _cached(source)
                if handle is None:
                    raise
        return Path(kagglehub.dataset_download(handle))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise DatasetError(f"{source.name}: no connection to Kaggle; {_by_hand(source, target)}") from error
    except Exception as error:  # kagglehub raises its own types, and those of requests, zipfile and the file system
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{source.name}: Kaggle's download failed ({reason}); {_by_hand(source, target)}") from error


def _on_kaggle() -> bool:
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "COLAB_RELEASE_TAG" in os.environ


def _cached(source: Source) -> str | None:
    """Returns the handle of the version that kagglehub has in its cache, for which it needs no network."""
    from kagglehub.config import get_cache_folder

    owner, slug = source.handle.split("/")
    marks = Path(get_cache_folder(), "datasets", owner, slug).glob("*.complete")
    versions = sorted(int(mark.stem) for mark in marks if mark.stem.isdigit())
    wanted = [version for version in versions if source.version in ("", str(version))]
    return f"{source.handle}/versions/{wanted[-1]}" if wanted else None


def _by_hand(source: Source, target: Path) -> str:
    return f"download it from {source.url}, then put its folder at {target} or give it as --dataset DIR"


def _inner(source: Source, folder: Path) -> Path:
    """Returns the folder that holds the classes: some archives wrap or repeat it."""
    return folder / source.root if source.root and (folder / source.root).is_dir() else folder


def _link(target: Path, folder: Path) -> Path:
    """Links `target` to `folder`, replacing a link whose folder is gone or an empty folder."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            target.rmdir()
        temporary.symlink_to(folder.resolve(), target_is_directory=True)
        temporary.replace(target)
    except OSError:  # no right to make links (Windows), or a file system without them
        temporary.unlink(missing_ok=True)
        return folder
    return target
