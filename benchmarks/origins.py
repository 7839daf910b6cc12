"""Finding which published picture an image is: recall, wrong links, negatives and time.

The truth on Sartaj is computed here from pixels alone: the correlation of 64 x 64 thumbnails with all of figshare's.
Run: python benchmarks/origins.py data
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import pandas as pd
from copies import short
from copies_alterations import ALTERATIONS, padded

from braintumor_tf.datasets import read_image, scan, thumbnails, thumbnails_and_pictures
from braintumor_tf.files import write_json
from braintumor_tf.identity import find_origins, shipped_indexes
from braintumor_tf.identity.decisions import LEAST_CORRELATION
from braintumor_tf.identity.descriptors import Descriptors
from braintumor_tf.identity.placement import published, search
from braintumor_tf.leakage import audit
from braintumor_tf.matching.polar_maps import measure
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "origins.json"
TRUTH = 0.9995
"""Correlation of thumbnails from which two files are one picture; the best wrong match of Sartaj has 0.92."""

CHOSEN = (
    *("mirrored", "turned 90", "JPEG 30", "brighter", "less contrast", "cropped 5 %", "cropped 10 %"),
    *("border removed", "padded 10 %", "turned by 5", "turned by 10", "turned 90 and by 7", "Keras recipe"),
)
ALTERED = {
    **{name: ALTERATIONS[name][1] for name in CHOSEN},
    "128 x 128": lambda image, rng: cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA),
    "512 x 512, from 128": lambda image, rng: cv2.resize(
        cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA), (512, 512), interpolation=cv2.INTER_CUBIC
    ),
    "border of 20 %": lambda image, rng: padded(image, 0.2),
}
"""What is done to pictures before they are looked for."""


def origin_of(name: str):
    return next(index for index in shipped_indexes() if index.origin == name)


def units(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def sartaj(data: Path) -> dict[str, object]:
    """Compares what is found with the truth from thumbnails."""
    manifest, known = scan(data / "sartaj").manifest, scan(data / "figshare").manifest
    alike = units(thumbnails(manifest)) @ units(thumbnails(known)).T
    numbers = np.array([Path(path).stem for path in known["path"]])
    best = alike.max(1)
    start = time.perf_counter()
    found = find_origins(manifest, shipped_indexes(), show_progress=False)
    seconds = time.perf_counter() - start
    hit, true = (found["origin"] == "figshare").to_numpy(), best >= TRUTH
    column = pd.Series(np.arange(len(numbers)), index=numbers)
    linked = np.flatnonzero(hit)
    itself = np.zeros(len(manifest), bool)
    itself[linked] = alike[linked, column[found["origin_id"].iloc[linked]]] >= TRUTH
    beyond = np.flatnonzero(hit & ~true)
    return {
        "images": len(manifest),
        "figshare_pictures": int(true.sum()),
        "found": int((hit & true).sum()),
        "share": float((hit & true).sum() / true.sum()),
        "wrong": int((hit & true & ~itself).sum()),
        "least_correlation_of_truth": float(best[true].min()),
        "best_other": float(best[~true].max()),
        "patients": int(found.loc[hit, "patient"].nunique()),
        "least_correlation_found": float(found["correlation"].min()),
        "beyond_the_truth": [
            {"path": short(manifest["path"].iat[row]), "thumbnail": float(best[row]), **found.iloc[row].to_dict()}
            for row in beyond
        ],
        "missed": [short(manifest["path"].iat[row]) for row in np.flatnonzero(~hit & true)],
        "origins": counts(manifest, found),
        "seconds": seconds,
    }


def counts(manifest: pd.DataFrame, found: pd.DataFrame) -> list[dict[str, object]]:
    """Counts images by class, origin and pose."""
    table = found.assign(label=manifest["label"]).groupby(["label", "origin", "pose"]).size().rename("images")
    return table.reset_index().to_dict("records")


def other_set(folder: Path) -> dict[str, object]:
    manifest = scan(folder).manifest
    found = find_origins(manifest, shipped_indexes(), show_progress=False)
    lowest = found.assign(path=manifest["path"].map(short)).nsmallest(8, "correlation")
    return {
        "images": len(manifest),
        "found": int((found["origin"] != "").sum()),
        "origins": counts(manifest, found),
        "lowest": lowest.to_dict("records"),
    }


def altered(data: Path, images: int) -> dict[str, dict[str, object]]:
    """Finds altered copies of some figshare pictures among all published ones."""
    manifest = scan(data / "figshare").manifest
    chosen = np.sort(np.random.default_rng(2).choice(len(manifest), images, replace=False))
    numbers = np.array([Path(path).stem for path in manifest["path"]])[chosen]
    patient = origin_of("figshare").rows.set_index("origin_id")["patient"]
    rows = {}
    for name, alter in ALTERED.items():
        rng = np.random.default_rng(1)
        with TemporaryDirectory() as place:
            for number, row in zip(numbers, chosen):
                target = Path(place, "glioma", f"{int(number):05}.png")
                target.parent.mkdir(exist_ok=True)
                cv2.imwrite(str(target), np.ascontiguousarray(alter(read_image(manifest["path"].iat[row]), rng)))
            copies = scan(place, cache=False, show_progress=False).manifest
            found = find_origins(copies, shipped_indexes(), show_progress=False)
        truth = np.array([str(int(Path(path).stem)) for path in copies["path"]])
        hit = (found["origin"] != "").to_numpy()
        same = hit & (found["origin_id"] == truth).to_numpy()
        person = hit & (found["patient"].to_numpy() == patient[truth].to_numpy())
        rows[name] = {
            "recall": float(same.mean()),
            "other_picture_of_the_patient": int((hit & ~same & person).sum()),
            "other_patient": int((hit & ~person).sum()),
            "least_correlation": float(found["correlation"].min()) if hit.any() else None,
        }
        click.echo(f"{name:24}{rows[name]['recall']:8.3f}  {rows[name]}")
    return rows


def best_of(manifest: pd.DataFrame, descriptors: Descriptors) -> tuple[np.ndarray, np.ndarray]:
    """The best correlation of each image with any published picture, and its position; no threshold."""
    _, pictures = thumbnails_and_pictures(manifest, show_progress=False)
    measured = measure(pictures, manifest[["height", "width"]].to_numpy())
    found = search(measured, pictures, published([descriptors]))
    best, which = np.zeros(len(manifest)), np.full(len(manifest), -1)
    order = np.argsort(found.correlation, kind="stable")
    best[found.image[order]], which[found.image[order]] = found.correlation[order], found.picture[order]
    return best, which


def summary(best: np.ndarray) -> dict[str, object]:
    shares = (0.5, 0.9, 0.99, 0.999, 1.0)
    return {
        "images": len(best),
        "quantiles": dict(zip(map(str, shares), np.quantile(best, shares).tolist())),
        "linked": int((best >= LEAST_CORRELATION).sum()),
    }


def negatives(data: Path) -> dict[str, object]:
    """Images whose picture is not among the published ones: none may be linked."""
    index = origin_of("figshare")
    healthy = scan(data / "br35h").manifest.query("label == 'no_tumor'")
    manifest = scan(data / "figshare").manifest
    patient = index.rows.set_index("origin_id")["patient"]
    own = patient[[Path(path).stem for path in manifest["path"]]].to_numpy()
    people = np.unique(own)
    left_out = np.random.default_rng(0).permutation(people)[: len(people) // 2]
    kept = np.flatnonzero(~index.rows["patient"].isin(left_out))
    asked = manifest[np.isin(own, left_out)]
    best, which = best_of(asked, Descriptors(*(column[kept] for column in index.descriptors)))
    top = np.argsort(-best)[:10]
    return {
        "br35h_healthy_against_figshare": summary(best_of(healthy, index.descriptors)[0]),
        "half_of_figshare_patients_against_the_others": summary(best)
        | {
            "closest": [
                {
                    "image": short(asked["path"].iat[row]),
                    "picture": index.rows["origin_id"].iat[kept[which[row]]],
                    "correlation": float(best[row]),
                }
                for row in top
            ]
        },
    }


def cost(folder: Path) -> dict[str, float]:
    """Seconds and processor seconds of linking, beside a whole audit with an empty cache."""

    def timed(work) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - wall, time.process_time() - cpu

    before = os.environ.get("BRAINTUMOR_TF_CACHE")
    with TemporaryDirectory() as fresh:
        os.environ["BRAINTUMOR_TF_CACHE"] = fresh
        whole = timed(lambda: audit(scan(folder, show_progress=False), show_progress=False))
        shipped_indexes.cache_clear()
        manifest = scan(folder, show_progress=False).manifest
        link = timed(lambda: find_origins(manifest, shipped_indexes(), show_progress=False))
    os.environ.pop("BRAINTUMOR_TF_CACHE")
    if before is not None:
        os.environ["BRAINTUMOR_TF_CACHE"] = before
    names = ("audit_seconds", "audit_processor_seconds", "link_seconds", "link_processor_seconds")
    return dict(zip(names, (*whole, *link))) | {"share": link[1] / whole[1]}


PARTS = {
    "cost": lambda data, images: cost(data / "sartaj"),
    "sartaj": lambda data, images: sartaj(data),
    "masoud_testing": lambda data, images: other_set(data / "masoud" / "Testing"),
    "navoneel": lambda data, images: other_set(data / "navoneel"),
    "negatives": lambda data, images: negatives(data),
    "altered": altered,
}
"""What is measured, each from the folder of the data sets and the number of images that are altered."""


@click.command()
@click.argument("data", type=Path)
@click.option("--images", default=200, show_default=True, help="Images that are altered.")
@click.option("--part", "chosen", multiple=True, type=click.Choice(list(PARTS)), help="A part; all by default.")
@click.option("--out", type=Path, default=RESULTS, show_default=True)
def main(data: Path, images: int, chosen: tuple[str, ...], out: Path) -> None:
    """Measures the parts and writes them; DATA has the folders sartaj, figshare, br35h, masoud and navoneel.

    Parts that are not asked for stay as they are in the file of results.
    """
    for name in chosen or PARTS:
        part = PARTS[name](data, images)
        click.echo(f"{name}: {part}")
        result = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
        result |= {name: part, "indexes": [index.to_dict() for index in shipped_indexes()]}
        write_json(out, result | {"least_correlation": LEAST_CORRELATION, "environment": environment()})


if __name__ == "__main__":
    main()
