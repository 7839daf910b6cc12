"""The figshare set (article 1512427): download, check, and conversion from MATLAB files to PNG with patients."""

from __future__ import annotations

import hashlib
import io
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.datasets.formats.medical.matlab import read_matlab
from braintumor_tf.datasets.sources.table import Source
from braintumor_tf.errors import DatasetError, ImageReadError
from braintumor_tf.files import DOWNLOAD_TIMEOUT, naming_unwritten, write_csv
from braintumor_tf.progress import progress_bar

API = "https://api.figshare.com/v2/articles"
COLUMNS = ("path", "label", "patient", "visit", "lesion_box")
"""The columns of the converted set's ``manifest.csv``."""

_BLOCK = 1 << 20


def fetch_figshare(source: Source, target: Path) -> Path:
    """Downloads the article's archives, checks their MD5, and converts them into `target`.

    An interrupted download is taken up where it stopped: what has arrived lies in ``<target>.download`` until the end.

    Raises:
        DatasetError: no network, an answer that is not understood, or a file whose MD5 is wrong.
    """
    import requests

    downloads = target.with_name(f"{target.name}.download")
    by_hand = (
        f"download the zip files from {source.url} into {downloads} and run this again, "
        f"or put the converted folder at {target} or give it as --dataset DIR"
    )
    try:
        for file in _listing(source.handle):
            _download(file, downloads)
    except (requests.ConnectionError, requests.Timeout) as error:
        if not any(downloads.glob("*.zip")):
            raise DatasetError(f"{source.name}: no connection to figshare; {by_hand}") from error
    except (requests.RequestException, KeyError, TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{source.name}: figshare's download failed ({reason}); {by_hand}") from error
    convert_figshare(downloads, target, images=source.images)
    shutil.rmtree(downloads, ignore_errors=True)
    return target


def convert_figshare(
    folder: str | Path, target: str | Path, *, images: int | None = None, show_progress: bool = True
) -> Path:
    """Converts the downloaded figshare set to ``class/<number>.png`` and a ``manifest.csv``.

    The 16-bit pixels are scaled linearly to 8 bits, each image's lowest value to 0 and its highest to 255 (not by
    percentiles, as `read_image` scales deep pixels: the index of published pictures was made from these). The CSV has
    `COLUMNS`: of the tumour's mask its box is kept, "x y width height", middle and size in shares of the picture;
    letters at the end of an id are one patient's visits and have their own column.

    Args:
        folder: it holds the ``.mat`` files, or the zip files with them, at any depth.
        target: the folder to make; it appears only when it is whole.
        images: how many images there must be; None for any number.
        show_progress: a progress bar for work over two seconds.

    Returns:
        `target`.

    Raises:
        DatasetError: `target` is there already, `folder` holds no such file or too few, or one of them is damaged.
    """
    folder, target = Path(folder), Path(target)
    if target.is_dir() and any(target.iterdir()):
        raise DatasetError(f"{target}: there already; remove it or choose another folder")
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    rows = []
    try:
        for name, file in progress_bar(_mat_files(folder), "Converting", show=show_progress):
            try:
                row = _convert(name, file, temporary)
            except ImageReadError as error:
                reason = f"{name} is no image of figshare's set ({error.reason}); fetch it again"
                raise DatasetError(f"{folder}: {reason}") from error
            rows += [row] if row else []
        if not rows:
            raise DatasetError(f"{folder}: holds no .mat file of figshare's set, and no zip with one; give that folder")
        if images is not None and len(rows) != images:
            raise DatasetError(
                f"{folder}: {len(rows):,} images of {images:,}; fetch or add the zip files that are missing"
            )
        manifest = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("path", ignore_index=True)
        write_csv(temporary / "manifest.csv", manifest)
        if target.is_symlink():
            target.unlink()
        elif target.is_dir():
            target.rmdir()
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(name: str, file: BinaryIO, folder: Path) -> tuple[str, ...] | None:
    found = read_matlab(name, file)
    if found is None:  # cvind.mat, the author's folds
        return None
    pixels = found.pixels.astype(np.float64)
    low, high = pixels.min(), pixels.max()
    scaled = np.rint((pixels - low) * (255.0 / max(high - low, 1e-9))).astype(np.uint8)
    path = Path(found.label, f"{Path(name).stem}.png")
    (folder / found.label).mkdir(parents=True, exist_ok=True)
    with naming_unwritten(folder / path):
        Image.fromarray(scaled).save(folder / path)
    return path.as_posix(), found.label, found.patient, found.visit, found.lesion_box


def _mat_files(folder: Path) -> Iterator[tuple[str, BinaryIO]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".mat", ".zip") and path.is_file():
            with open(path, "rb") as file:
                yield from _unpacked(path.name, file)


def _unpacked(name: str, file: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Yields a ``.mat`` file itself, and those of a zip file, also of one inside another."""
    if name.lower().endswith(".mat"):
        yield name, file
        return
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                if member.lower().endswith((".mat", ".zip")):
                    yield from _unpacked(member, io.BytesIO(archive.read(member)))
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{name}: damaged zip file ({error}); remove it and fetch it again") from error


def _listing(article: str) -> list[dict]:
    import requests

    answer = requests.get(f"{API}/{article}", timeout=DOWNLOAD_TIMEOUT)
    answer.raise_for_status()
    return [file for file in answer.json()["files"] if file["name"].lower().endswith(".zip")]


def _download(file: dict, folder: Path) -> None:
    import requests

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / Path(file["name"]).name
    md5 = file.get("computed_md5") or file["supplied_md5"]
    if path.is_file() and _md5(path) == md5:
        return
    part = path.with_name(f"{path.name}.part")
    start = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(file["download_url"], headers=headers, stream=True, timeout=DOWNLOAD_TIMEOUT) as answer:
        if answer.status_code != 416:  # the whole file had arrived
            answer.raise_for_status()
            blocks = -(-int(answer.headers.get("Content-Length", 0)) // _BLOCK)
            with naming_unwritten(part), open(part, "ab" if answer.status_code == 206 else "wb") as output:
                output.writelines(
                    progress_bar(answer.iter_content(_BLOCK), f"Downloading {path.name}", total=blocks or None)
                )
    if _md5(part) != md5:
        part.unlink()
        raise ValueError(f"{path.name} arrived damaged, its MD5 is not {md5}; run this again")
    part.replace(path)


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
