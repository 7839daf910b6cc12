"""Recall and precision of near-duplicates in any pose, beside a perceptual hash alone on the same pictures.

The rival is imagededup's PHash (DCT hash of 64 bits, at most 10 bits apart), its own code where it is installed
(`copies_rival.py`). Run: python benchmarks/copies.py data/sartaj --patients data/figshare
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
import cv2
import numpy as np
import pandas as pd
from copies_alterations import ALTERATIONS, Alteration
from copies_rival import RIVAL_BITS, rival_hashes, rival_name
from copies_sheet import write_sheet

from braintumor_tf.datasets import read_image, scan
from braintumor_tf.files import write_json
from braintumor_tf.leakage import group
from braintumor_tf.matching import hamming_pairs, near_pairs, same_picture
from braintumor_tf.matching.fingerprints import STAND_IN
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "copies.json"
Images = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Recall:
    """Shares of altered copies that are found.

    Attributes:
        ours: by this package.
        rival: by a perceptual hash alone.
        missed: the images whose copy this package does not find.
        seconds: that its search took.
    """

    ours: float
    rival: float
    missed: list[str]
    seconds: float


class Found(NamedTuple):
    """What is measured of one alteration, and the pairs that are missed: the original and its copy."""

    recall: Recall
    missed: Images


def choose(manifest: pd.DataFrame, images: int, seed: int = 0) -> np.ndarray:
    """Positions of the images that are altered."""
    return np.sort(np.random.default_rng(seed).choice(len(manifest), min(images, len(manifest)), replace=False))


def recall(manifest: pd.DataFrame, chosen: np.ndarray, make: Alteration, folder: Path) -> Found:
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
    hashes = np.concatenate([rival_hashes(manifest), rival_hashes(copies)])
    hashed = pd.DataFrame(np.stack(hamming_pairs(hashes, RIVAL_BITS), axis=1), columns=pairs.columns[:2])
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
    lost = np.flatnonzero(~found["ours"])
    paths = [short(manifest["path"].iat[row]) for row in chosen[lost]]
    images = [(read_image(manifest["path"].iat[chosen[row]]), read_image(copies["path"].iat[row])) for row in lost]
    return Found(Recall(float(found["ours"].mean()), float(found["rival"].mean()), paths, seconds), images)


def recalls(manifest: pd.DataFrame, chosen: np.ndarray, names: tuple[str, ...]) -> tuple[dict, dict[str, Images]]:
    """Prints the recall of each alteration and returns the rows and the pairs that are missed."""
    click.echo(f"{'alteration':24}{'target':>8}{'ours':>8}{'pHash':>8}{'seconds':>9}   pHash: {rival_name()}")
    rows, missed = {}, {}
    for name in names:
        target, make = ALTERATIONS[name]
        with TemporaryDirectory() as place:
            row, missed[name] = recall(manifest, chosen, make, Path(place) / "set")
        rows[name] = {"target": target, **asdict(row)}
        click.echo(f"{name:24}{target:8.3f}{row.ours:8.3f}{row.rival:8.3f}{row.seconds:9.1f}")
    return rows, missed


def short(path: str) -> str:
    """Names an image by its folders below the data set, wherever that lies."""
    return "/".join(Path(path).parts[-3:])


def patients_joined(folder: Path) -> tuple[dict[str, object], Images]:
    """Counts the pairs that join two patients of a set whose patients are known, and returns their images."""
    manifest = scan(folder, show_progress=False).manifest
    table = pd.read_csv(folder / "patients.csv").set_index("path")["patient"].astype(str).str.rstrip("ABCDEFGHIJKLM")
    patient = table[[str(Path(path).relative_to(folder.resolve())) for path in manifest["path"]]].to_numpy()
    pairs = near_pairs(manifest, show_progress=False)
    across, aligned = patient[pairs["first"]] != patient[pairs["second"]], pairs["detail"].notna().to_numpy()
    paths = [manifest["path"].to_numpy()[pairs[name][across]] for name in ("first", "second")]
    rows = pairs[across].assign(path_a=list(map(short, paths[0])), path_b=list(map(short, paths[1])))
    counts = {
        "look_alikes": int((~aligned).sum()),
        "look_alikes_across": int((across & ~aligned).sum()),
        "other_poses": int(aligned.sum()),
        "other_poses_across": int((across & aligned).sum()),
        "across": rows.to_dict("records"),
    }
    return counts, [(read_image(first), read_image(second)) for first, second in zip(*paths)]


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
@click.option("--seed", default=0, show_default=True, help="Of the choice of these images.")
@click.option("--only", multiple=True, help="An alteration; may be repeated.")
@click.option("--missed", type=Path, help="Also write a picture of the pairs that are missed or wrong.")
@click.option("--out", type=Path, default=RESULTS, show_default=True)
def main(
    folder: Path, patients: Path | None, images: int, seed: int, only: tuple[str, ...], missed: Path | None, out: Path
) -> None:
    """Prints the share of altered copies that are found, and what is joined that should not be."""
    manifest = scan(folder, show_progress=False).manifest
    rows, sheet = recalls(manifest, choose(manifest, images, seed), only or tuple(ALTERATIONS))
    altered = min(images, len(manifest))
    result = {"images": len(manifest), "altered": altered, "pHash": rival_name(), "rows": rows}
    if patients is not None:
        result["patients"], sheet["two patients"] = patients_joined(patients)
        counts = {name: value for name, value in result["patients"].items() if name != "across"}
        click.echo(f"pairs of {patients.name}: {counts}")
        with TemporaryDirectory() as place:
            result["mirrored_set"] = mirrored_set(manifest, Path(place) / "set")
        click.echo(f"{folder.name} with its mirror image: {result['mirrored_set'] | {'rows': '...'}}")
    write_json(out, result | {"environment": environment()})
    if missed is not None:
        write_sheet(missed, sheet)


if __name__ == "__main__":
    main()
