"""Does the ranking of suspicious labels find the labels of Sartaj that are known to be wrong or in doubt?

Two sets of labels are looked for. `doubted`: the test gliomas that are no figshare picture (the maker of masoud left
Sartaj's gliomas out). `contradicted`: images whose label contradicts figshare's. A ranking is judged by the share of
pairs of such an image and another one that it orders rightly (area under the ROC curve, 0.5 for a random order), and by
how many are among the first k. Run: python benchmarks/label_issues.py FOLDER/sartaj [--compare]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from braintumor_tf.datasets import read_image
from braintumor_tf.files import write_json
from braintumor_tf.identity import load
from braintumor_tf.leakage import group
from braintumor_tf.leakage.baseline_models import BASELINES, pixel_features
from braintumor_tf.leakage.label_issues import find_label_issues
from braintumor_tf.leakage.provenance import contradicted_labels
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "label_issues.json"
FIRST = (14, 50, 100, 200, 400)


def targets(manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """The sets that are looked for, and both together."""
    elsewhere = (manifest["origin"] != "figshare").to_numpy()
    doubted = elsewhere & (manifest["label"] == "glioma").to_numpy() & (manifest["split"] == "test").to_numpy()
    contradicted = manifest["path"].isin([row["path"] for row in contradicted_labels(manifest)]).to_numpy()
    return {"doubted": doubted, "contradicted": contradicted, "either": doubted | contradicted}


def judged(scores: np.ndarray, wanted: np.ndarray, among: np.ndarray | None = None) -> dict[str, Any]:
    """How high a ranking (least score first) puts the wanted images, among all or some."""
    among = np.ones(len(scores), bool) if among is None else among
    order = np.argsort(scores[among], kind="stable")
    hits = np.cumsum(wanted[among][order])
    total, images = int(wanted[among].sum()), int(among.sum())
    result = {"wanted": total, "images": images}
    if 0 < total < images:
        result["auc"] = float(roc_auc_score(wanted[among], -scores[among]))
    for k in (k for k in FIRST if k <= images):
        found = int(hits[k - 1])
        random = total * k / images
        result[f"first_{k}"] = {"found": found, "precision": found / k, "recall": found / total, "random": random}
    places = np.linspace(0, images, 101).round().astype(int)[1:]
    result["recall_by_percent"] = [round(float(hits[place - 1] / total), 4) for place in places]
    return result


def table(manifest: pd.DataFrame, scores: np.ndarray) -> dict[str, Any]:
    """All judgements of one ranking; inside each class, whether not to be of figshare is suspicious in itself."""
    found = {name: judged(scores, wanted) for name, wanted in targets(manifest).items()}
    elsewhere = (manifest["origin"] != "figshare").to_numpy()
    inside = {}
    for label in sorted(set(manifest["label"])):
        members = (manifest["label"] == label).to_numpy()
        if 0 < elsewhere[members].sum() < members.sum():
            inside[label] = judged(scores, elsewhere, members).get("auc")
    return {**found, "auc_of_elsewhere_in_class": inside}


def network_features(manifest: pd.DataFrame) -> np.ndarray:
    """Features of MobileNetV2-0.35 (ImageNet) of the grey images at 224 pixels, float32 of shape ``(images, 1280)``."""
    import cv2

    from braintumor_tf.models import build
    from braintumor_tf.training.frozen_features import split_at_features

    model = build("MobileNetV2-0.35", image_size=224, weights="imagenet")
    features, _ = split_at_features(model)
    found = []
    for start in range(0, len(manifest), 64):
        grey = [cv2.resize(read_image(path), (224, 224)) for path in manifest["path"].iloc[start : start + 64]]
        found.append(np.asarray(features.predict_on_batch(np.stack(grey)[..., None].astype("float32"))))
    return np.concatenate(found)


def other_models() -> dict[str, tuple[Callable[[pd.DataFrame], np.ndarray], Any]]:
    """Quick models that the default is compared with: features, and a classifier for scikit-learn."""
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=1000))
    return {
        "PCA + logistic regression, 64 px": (pixel_features, BASELINES["pca_logistic_regression"][1](2000, 0)),
        "logistic regression on MobileNetV2-0.35": (network_features, logistic),
    }


def scores_of(features: np.ndarray, model: Any, manifest: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Out-of-fold label scores and accuracy of another model, on the folds of the default."""
    given = np.unique(manifest["label"], return_inverse=True)[1]
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    options = {"groups": manifest["group"], "cv": folds, "method": "predict_proba"}
    probabilities = cross_val_predict(model, features, given, **options)
    accuracy = float((probabilities.argmax(axis=1) == given).mean())
    return get_label_quality_scores(given, probabilities, adjust_pred_probs=True), accuracy


def show(name: str, accuracy: float, found: dict[str, Any], seconds: float) -> None:
    inside = ", ".join(f"{label} {auc:.2f}" for label, auc in found["auc_of_elsewhere_in_class"].items())
    click.echo(f"{name}: accuracy {accuracy:.3f}, {seconds:.0f} s; AUC of not being of figshare, by class: {inside}")
    for target in ("doubted", "contradicted", "either"):
        row = found[target]
        first = ", ".join(
            f"{row[f'first_{k}']['found']} in {k} (random {row[f'first_{k}']['random']:.1f})" for k in FIRST
        )
        click.echo(f"  {target:13} {row['wanted']} wanted, AUC {row['auc']:.3f}; {first}")


@click.command()
@click.argument("folder")
@click.option("--seeds", default=3, show_default=True, help="Folds and trees are drawn anew for each.")
@click.option("--compare", is_flag=True, help="Other quick models too (MobileNetV2 needs its weights).")
def main(folder: str, seeds: int, compare: bool) -> None:
    """Ranks the labels of a linked data set, and says where the wanted images are in the ranking."""
    manifest = group(load(folder).manifest)
    result: dict[str, Any] = {"environment": environment(), "images": len(manifest), "rankings": {}}
    for seed in range(seeds):
        start = time.perf_counter()
        issues = find_label_issues(manifest, seed=seed)
        found = table(manifest, issues.scores)
        paths = {row["path"] for row in issues.issues}
        flagged = manifest["path"].isin(paths).to_numpy()
        found["flagged"] = {"images": int(flagged.sum())} | {
            name: int((flagged & wanted).sum()) for name, wanted in targets(manifest).items()
        }
        name = f"default, seed {seed}"
        show(name, issues.accuracy, found, time.perf_counter() - start)
        click.echo(f"  flagged by cleanlab: {found['flagged']}")
        result["rankings"][name] = {"accuracy": issues.accuracy, **found}
        write_json(RESULTS, result)
    for name, (features, model) in (other_models() if compare else {}).items():
        start = time.perf_counter()
        scores, accuracy = scores_of(features(manifest), model, manifest)
        found = table(manifest, scores)
        show(name, accuracy, found, time.perf_counter() - start)
        result["rankings"][name] = {"accuracy": accuracy, **found}
        write_json(RESULTS, result)


if __name__ == "__main__":
    main()
