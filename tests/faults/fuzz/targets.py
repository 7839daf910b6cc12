"""What is fuzzed: readers of pictures, tables, manifests, runs and caches, each with small sound files to change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.datasets import read_image, read_manifest, scan, thumbnails, write_manifest
from braintumor_tf.errors import BrainTumorError, ImageReadError
from braintumor_tf.evaluation import calibrate_run, compare
from braintumor_tf.evaluation.calibration.abstention import answering
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.identity.link_cache import LinkCache
from braintumor_tf.runs import Run
from tests.bad_images import encode, slice_pixels, valid_files
from tests.faults.fuzz.trial import Target
from tests.report.conftest import make_manifest, make_predictions, make_run

READINGS = ({}, {"grey": False, "size": (32, 24)}, {"crop": "head"})
LINKS = ({"table": "0" * 64}, ("origin", "origin_id"))
CLASSES = ("glioma", "no_tumor")
FOUND_LATER = {
    "robustness": {
        "name": "run",
        "classes": CLASSES,
        "settings": {"seed": 0, "size": [32, 32], "resamples": 20, "noises": [{"name": "gaussian", "severity": 1}]},
        "mean_loss": {"value": 0.1, "low": 0.0, "high": 0.2},
    },
    "explanations": {"split": "test", "shown": {"all": "all images"}, "method": None, "randomisation": None},
    "ladder": {
        "model": "scratch_cnn",
        "seeds": [0],
        "images": 12,
        "rungs": [{"name": "patient", "run": "run", "test": {"images": 4}, "scores": {"all": {"f1": {"value": 0.5}}}}],
    },
}
"""Files that a run has once more was asked of it, as far as they are read."""


# === Pictures ===


def _more_pictures() -> dict[str, bytes]:
    grey = Image.fromarray(slice_pixels())
    rgba = Image.merge("RGBA", [grey, grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM), grey, grey])
    oriented = Image.Exif()
    oriented[0x0112] = 6
    deep = Image.fromarray(slice_pixels().astype(np.float32) / 255)
    pages = {"save_all": True, "append_images": [grey.point(lambda value: 255 - value)]}
    return {
        "grey.png": encode(grey, "PNG"),
        "alpha.png": encode(rgba, "PNG"),
        "palette.png": encode(rgba.convert("RGB").convert("P"), "PNG"),
        "one_bit.tiff": encode(grey.convert("1"), "TIFF", compression="group4"),
        "float.tiff": encode(deep, "TIFF"),
        "deep.tiff": encode(
            Image.fromarray(slice_pixels().astype(np.uint16) * 200), "TIFF", compression="tiff_deflate"
        ),
        "pages.tiff": encode(grey, "TIFF", **pages),
        "moving.gif": encode(grey, "GIF", **pages),
        "progressive.jpg": encode(grey, "JPEG", progressive=True),
        "cmyk.jpg": encode(rgba.convert("RGB").convert("CMYK"), "JPEG"),
        "oriented.jpg": encode(grey, "JPEG", exif=oriented),
        "lossless.webp": encode(rgba, "WEBP", lossless=True),
    }


def _prepare_pictures(folder: Path) -> Mapping[str, bytes]:
    (folder / "set" / "glioma").mkdir(parents=True)
    Image.fromarray(slice_pixels()).save(folder / "set" / "glioma" / "sound.png")
    return {**valid_files(), **_more_pictures()}


def _read_pictures(folder: Path) -> None:
    [path] = (folder / "set" / "glioma").glob("changed.*")
    refusals = []
    for options in READINGS:
        try:
            read_image(path, **options)
        except ImageReadError as error:
            refusals.append(error)
    found = scan(folder / "set", cache=False, show_progress=False)
    listed = str(path) in set(found.manifest["path"]), str(path) in set(found.unreadable["path"])
    assert listed == (not refusals, bool(refusals)), f"a scan finds {listed}, reading gives {refusals}"
    assert len(refusals) in (0, len(READINGS)), f"of {READINGS} only some are refused: {refusals}"
    if refusals:
        raise refusals[0]


def _generate_pictures(folder: Path) -> None:
    """The generator takes what `read_image` takes, and names what it refuses."""
    rows = pd.DataFrame({"filename": sorted(map(str, (folder / "set" / "glioma").iterdir()))})
    batches = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        rows, None, class_mode=None, target_size=(24, 32), batch_size=len(rows), validate_filenames=False
    )
    try:
        batch = next(batches)
    except BrainTumorError as error:
        assert "changed." in str(error), f"another file is named: {error}"
        raise
    assert batch.shape == (len(rows), 24, 32, 3) and 0 <= batch.min() <= batch.max() <= 1


def _changed_picture(name: str) -> str:
    return f"set/glioma/changed.{name.split('.')[-1]}"


# === Tables ===


def _prepare_tables(folder: Path) -> Mapping[str, bytes]:
    for number in range(3):
        (folder / "images").mkdir(exist_ok=True)
        Image.fromarray(np.roll(slice_pixels(), 7 * number)).save(folder / "images" / f"{number}.png")
    rows = pd.DataFrame({"path": [f"images/{number}.png" for number in range(3)], "label": ["glioma", "no", "tumor"]})
    told = rows.assign(
        split=["train", "val", "test"], patient=["7", "", "é 8"], source="set", group=["", "patient:9", ""]
    )
    boxes = rows.assign(box_x=0.5, box_y="0.25", box_width=[0.1, 0.2, 1.0], box_height=0.3, lesion_box="")
    return {f"{name}.csv": frame.to_csv(index=False).encode() for name, frame in
            (("rows", rows), ("told", told), ("boxes", boxes))}  # fmt: skip


def _read_tables(folder: Path) -> None:
    scan(folder / "data.csv", cache=False, show_progress=False)


def _prepare_manifest(folder: Path) -> Mapping[str, bytes]:
    made = write_manifest(folder / "manifest.csv", make_manifest(folder / "images", CLASSES, images=3))
    return {"manifest.csv": made.read_bytes()}


def _read_manifest(folder: Path) -> None:
    found = read_manifest(folder / "manifest.csv")
    again = read_manifest(write_manifest(folder / "again.csv", found))
    pd.testing.assert_frame_equal(found, again)


# === Runs ===


def _prepare_run(folder: Path, runs: tuple[str, ...] = ("run",)) -> Mapping[str, bytes]:
    manifest = make_manifest(folder / "images", CLASSES, images=6)
    for seed, name in enumerate(runs):
        path = make_run(folder / name, manifest, CLASSES, seed=seed)
        write_json(path / "config.json", {**Run.of(path).config, "classes": CLASSES})
        shown = manifest.assign(split=manifest["split"].map({"validation": "test"}))
        tables = [make_predictions(shown, CLASSES).assign(split="validation"), make_predictions(manifest, CLASSES)]
        write_csv(path / "predictions.csv", pd.concat(tables, ignore_index=True))
        calibrate_run(path, resamples=20)
        for kind, found in FOUND_LATER.items():
            write_json(path / f"{kind}.json", found)
    changed = sorted((folder / runs[0]).glob("*.*"))
    return {f"{runs[0]}/{path.name}": path.read_bytes() for path in changed}


def _read_run(folder: Path) -> None:
    run = Run.of(folder / "run")
    refusals = []
    for name in (
        "config",
        "manifest",
        "history",
        "predictions",
        "metrics",
        "calibration",
        "robustness",
        "explanations",
        "ladder",
    ):
        try:
            getattr(run, name)
        except BrainTumorError as error:
            refusals.append(error)
    for coverage in (None, 0.8):
        try:
            answering(run, coverage=coverage)
        except BrainTumorError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def _compare_runs(folder: Path) -> None:
    compare([folder / "run", folder / "other"], resamples=100)


# === Caches ===


def _prepare_cache(folder: Path) -> Mapping[str, bytes]:
    for number, label in enumerate(CLASSES * 2):
        (folder / "set" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(slice_pixels(), 5 * number)).save(folder / "set" / label / f"{number}.png")
    thumbnails(scan(folder / "set", show_progress=False).manifest, show_progress=False)
    with LinkCache(*LINKS) as links:
        links.add({"0" * 32: ("figshare", "7"), "1" * 32: ("", "")})
    return {f"cache/{path.name}": path.read_bytes() for path in sorted((folder / "cache").glob("*.sqlite"))}


def _read_cache(folder: Path) -> None:
    try:
        found = scan(folder / "set", show_progress=False).manifest
        pd.testing.assert_frame_equal(found, scan(folder / "set", cache=False, show_progress=False).manifest)
        thumbnails(found, show_progress=False)
        with LinkCache(*LINKS) as links:
            links.read(["0" * 32, "1" * 32])
            links.add({"2" * 32: ("", "")})
    finally:
        for path in (folder / "cache").iterdir():
            if not path.name.endswith(".sqlite"):
                path.unlink()


TARGETS = {
    "pictures": Target(_prepare_pictures, _read_pictures, _changed_picture),
    "generator": Target(_prepare_pictures, _generate_pictures, _changed_picture),
    "tables": Target(_prepare_tables, _read_tables, lambda name: "data.csv"),
    "manifest": Target(_prepare_manifest, _read_manifest),
    "run": Target(_prepare_run, _read_run),
    "comparison": Target(partial(_prepare_run, runs=("run", "other")), _compare_runs),
    "cache": Target(_prepare_cache, _read_cache),
}
"""What ``make fuzz`` tries, by name."""
