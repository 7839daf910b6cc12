"""Recall and precision of near-duplicates in any pose, beside a perceptual hash alone on the same pictures.

The rival is the published method of imagededup's PHash (DCT hash of 64 bits, at most 10 bits apart), computed by
imagehash. Run: python benchmarks/copies.py ../shared/data/sartaj --patients ../shared/data/figshare
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import pandas as pd

from braintumor_tf.datasets import read_image, scan
from braintumor_tf.files import write_json
from braintumor_tf.leakage import group
from braintumor_tf.matching import hamming_pairs, near_pairs, same_picture, to_bits
from braintumor_tf.matching.fingerprints import STAND_IN
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "copies.json"
RIVAL_BITS = 10
Alteration = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height))


def cropped(image: np.ndarray, share: float) -> np.ndarray:
    down, across = round(image.shape[0] * share), round(image.shape[1] * share)
    return image[down : image.shape[0] - down, across : image.shape[1] - across]


def border_removed(image: np.ndarray) -> np.ndarray:
    bright = image > 12
    rows, columns = np.flatnonzero(bright.mean(1) > 0.02), np.flatnonzero(bright.mean(0) > 0.02)
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) and len(columns) else image


def padded(image: np.ndarray, share: float) -> np.ndarray:
    down, across = round(image.shape[0] * share), round(image.shape[1] * share)
    return np.pad(image, ((down, down), (across, across)))


def shifted(image: np.ndarray, share: float) -> np.ndarray:
    height, width = image.shape
    return cv2.warpAffine(image, np.array([[1, 0, share * width], [0, 1, share * height]]), (width, height))


def scaled(image: np.ndarray, gain: float, offset: float = 0.0) -> np.ndarray:
    return np.clip(image * gain + offset, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def halved(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def keras_recipe(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the stock ImageDataGenerator makes with the settings that public notebooks share."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    recipe = ImageDataGenerator(
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.1,
        brightness_range=(0.3, 1.0),
        horizontal_flip=True,
        vertical_flip=True,
    )
    return recipe.random_transform(image[:, :, None].astype(np.float32), seed=int(rng.integers(2**31)))[:, :, 0].astype(
        np.uint8
    )


ALTERATIONS: dict[str, tuple[float, Alteration]] = {
    "mirrored": (1.0, lambda image, rng: image[:, ::-1]),
    "upside down": (1.0, lambda image, rng: image[::-1]),
    "turned 90": (1.0, lambda image, rng: np.rot90(image, -1)),
    "turned 180": (1.0, lambda image, rng: np.rot90(image, 2)),
    "turned 270": (1.0, lambda image, rng: np.rot90(image)),
    "JPEG 30": (1.0, lambda image, rng: jpeg(image, 30)),
    "half the size": (1.0, lambda image, rng: halved(image)),
    "150 x 150": (1.0, lambda image, rng: cv2.resize(image, (150, 150), interpolation=cv2.INTER_AREA)),
    "brighter": (1.0, lambda image, rng: scaled(image, 1.3, 10)),
    "less contrast": (1.0, lambda image, rng: scaled(image, 0.6, 40)),
    "noise of 12": (1.0, lambda image, rng: scaled(image + rng.normal(0, 12, image.shape), 1)),
    "cropped 2 %": (0.99, lambda image, rng: cropped(image, 0.02)),
    "cropped 5 %": (0.97, lambda image, rng: cropped(image, 0.05)),
    "cropped 10 %": (0.90, lambda image, rng: cropped(image, 0.10)),
    "border removed": (0.97, lambda image, rng: border_removed(image)),
    "padded 10 %": (0.97, lambda image, rng: padded(image, 0.10)),
    "shifted 5 %": (0.97, lambda image, rng: shifted(image, 0.05)),
    "turned by 2": (0.99, lambda image, rng: turned(image, 2)),
    "turned by 5": (0.98, lambda image, rng: turned(image, 5)),
    "turned by 10": (0.95, lambda image, rng: turned(image, -10)),
    "turned by 15": (0.90, lambda image, rng: turned(image, 15)),
    "equalised": (0.95, lambda image, rng: cv2.equalizeHist(np.ascontiguousarray(image))),
    "inverted": (0.95, lambda image, rng: 255 - image),
    "mirrored, cropped 5 %": (0.95, lambda image, rng: cropped(image[:, ::-1], 0.05)),
    "turned 90 and by 7": (0.95, lambda image, rng: turned(np.rot90(image), 7)),
    "Keras recipe": (0.90, keras_recipe),
}
"""The target share that is found, and what is done to an image."""


def recall(manifest: pd.DataFrame, chosen: np.ndarray, make: Alteration, folder: Path) -> dict[str, object]:
    """Finds each chosen image, or the same picture elsewhere in the set, by its altered copy."""
    rng, label = np.random.default_rng(1), manifest["label"].iloc[0]
    (folder / label).mkdir(parents=True)
    for number, row in enumerate(chosen):
        altered = make(read_image(manifest["path"].iat[row]), rng)
        cv2.imwrite(str(folder / label / f"{number:04}.png"), np.ascontiguousarray(altered))
    copies = scan(folder, show_progress=False).manifest
    joint, own = pd.concat([manifest, copies], ignore_index=True), len(manifest)
    start = time.perf_counter()
    pairs = near_pairs(joint, show_progress=False)
    seconds = time.perf_counter() - start
    hashed = pd.DataFrame(
        np.stack(hamming_pairs(to_bits(joint["phash"]), RIVAL_BITS), axis=1), columns=pairs.columns[:2]
    )
    same = pairs[same_picture(pairs)]
    picture = group(manifest.assign(group=""), pairs=same[same["second"] < own])["group"].to_numpy()
    # copies of one picture that is in the set twice are found together: only the first of them is searched for
    twice = same[(same["first"] >= own) & (same["correlation"] >= STAND_IN)]
    alike = group(copies.assign(group=""), pairs=twice.assign(first=twice["first"] - own, second=twice["second"] - own))
    found = {}
    for name, table in (("ours", pairs), ("rival", hashed)):
        across = table[(table["first"] < own) & (table["second"] >= own)]
        hits = np.zeros(len(chosen), bool)
        for first, second in zip(across["first"], across["second"] - own):
            hits[second] |= picture[first] == picture[chosen[second]]
        found[name] = pd.Series(hits).groupby(alike["group"].to_numpy()).transform("any").to_numpy()
    missed = [short(manifest["path"].iat[row]) for row, hit in zip(chosen, found["ours"]) if not hit]
    return {"ours": found["ours"].mean(), "rival": found["rival"].mean(), "missed": missed, "seconds": seconds}


def short(path: str) -> str:
    """Names an image by its folders below the data set, wherever that lies."""
    return "/".join(Path(path).parts[-3:])


def patients_joined(folder: Path) -> dict[str, object]:
    """Counts the pairs that join two patients of a set whose patients are known."""
    manifest = scan(folder, show_progress=False).manifest
    table = pd.read_csv(folder / "patients.csv").set_index("path")["patient"].astype(str).str.rstrip("ABCDEFGHIJKLM")
    patient = table[[str(Path(path).relative_to(folder.resolve())) for path in manifest["path"]]].to_numpy()
    pairs = near_pairs(manifest, show_progress=False)
    across, aligned = patient[pairs["first"]] != patient[pairs["second"]], pairs["detail"].notna().to_numpy()
    rows = pairs[across].assign(
        path_a=manifest["path"].map(short).to_numpy()[pairs["first"][across]],
        path_b=manifest["path"].map(short).to_numpy()[pairs["second"][across]],
    )
    return {
        "look_alikes": int((~aligned).sum()),
        "look_alikes_across": int((across & ~aligned).sum()),
        "other_poses": int(aligned.sum()),
        "other_poses_across": int((across & aligned).sum()),
        "across": rows.to_dict("records"),
    }


def mirrored_set(manifest: pd.DataFrame, folder: Path) -> dict[str, object]:
    """Joins a set with its mirror image; a pair that the set itself does not have is false."""
    for number, path in enumerate(manifest["path"]):
        target = folder / manifest["label"].iat[number] / f"{number:05}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), np.ascontiguousarray(read_image(path)[:, ::-1]))
    mirror, own = scan(folder, show_progress=False).manifest, len(manifest)
    place = np.array([int(Path(path).stem) for path in mirror["path"]])
    names = group(manifest.assign(group=""), show_progress=False)["group"].to_numpy()
    pairs = near_pairs(pd.concat([manifest, mirror], ignore_index=True), show_progress=False)
    across = pairs[(pairs["first"] < own) & (pairs["second"] >= own)]
    other = place[across["second"] - own]
    false = names[across["first"]] != names[other]
    found = np.unique(other[across["first"].to_numpy() == other])
    rows = across[false].assign(path_a=manifest["path"].map(short).to_numpy()[across["first"][false]])
    rows = rows.assign(path_b=manifest["path"].map(short).to_numpy()[other[false]])
    return {
        "pairs": len(across),
        "found_directly": len(found),
        "false": int(false.sum()),
        "rows": rows.to_dict("records"),
    }


@click.command()
@click.argument("folder", type=Path)
@click.option("--patients", type=Path, help="A folder with patients.csv: precision among known patients.")
@click.option("--images", default=200, show_default=True, help="Images that are altered.")
@click.option("--only", multiple=True, help="An alteration; may be repeated.")
@click.option("--out", type=Path, default=RESULTS, show_default=True)
def main(folder: Path, patients: Path | None, images: int, only: tuple[str, ...], out: Path) -> None:
    """Prints the share of altered copies that are found, and what is joined that should not be."""
    manifest = scan(folder, show_progress=False).manifest
    chosen = np.sort(np.random.default_rng(0).choice(len(manifest), min(images, len(manifest)), replace=False))
    rows = {}
    click.echo(f"{'alteration':24}{'target':>8}{'ours':>8}{'pHash':>8}{'seconds':>9}")
    for name in only or ALTERATIONS:
        target, make = ALTERATIONS[name]
        with TemporaryDirectory() as place:
            rows[name] = {"target": target, **recall(manifest, chosen, make, Path(place) / "set")}
        row = rows[name]
        click.echo(f"{name:24}{target:8.3f}{row['ours']:8.3f}{row['rival']:8.3f}{row['seconds']:9.1f}")
    result = {"images": len(manifest), "altered": len(chosen), "rows": rows, "environment": environment()}
    if patients is not None:
        result["patients"] = patients_joined(patients)
        counts = {name: value for name, value in result["patients"].items() if name != "across"}
        click.echo(f"pairs of {patients.name}: {counts}")
        with TemporaryDirectory() as place:
            result["mirrored_set"] = mirrored_set(manifest, Path(place) / "set")
        click.echo(f"{folder.name} with its mirror image: {result['mirrored_set'] | {'rows': '...'}}")
    write_json(out, result)


if __name__ == "__main__":
    main()
