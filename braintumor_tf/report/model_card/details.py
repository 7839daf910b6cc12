"""What a model card says of the model itself: what it is, how it was trained, and how to make it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from braintumor_tf._version import __version__
from braintumor_tf.augment.noise import NoiseAtSize, from_description
from braintumor_tf.datasets.labels import MODALITIES
from braintumor_tf.evaluation.prediction.fold_predictions import has_folds
from braintumor_tf.evaluation.prediction.test_time_views import views_of
from braintumor_tf.models.registry import MODELS, PIPELINE
from braintumor_tf.report.wording.metrics import score
from braintumor_tf.report.wording.run_texts import dataset_name
from braintumor_tf.runs import IMPORTED, Run, is_imported

METRICS = {"accuracy": ("accuracy", "Accuracy"), "macro_f1": ("f1", "Macro-F1"), "roc_auc": ("roc_auc", "ROC-AUC")}
"""The scores of a card's metadata: Hugging Face's identifier and a title."""

_LIBRARIES = {"network": "keras", "pipeline": "sklearn"}


def card_details(run: Run, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Puts together what the card says of a run's model.

    Args:
        run: the run.
        config: its ``config.json``.
        metrics: its ``metrics.json``.

    Returns:
        ``details`` (pairs of name and text), ``versions`` (the same), ``modality`` (whether the task tells kinds of
        picture apart, not tumours), and ``again`` as `reproduction` returns it.
    """
    return {
        "details": [*_what(run, config, metrics), *_training(run, config, metrics)],
        "versions": _versions(config),
        "modality": set(metrics.get("classes_order") or ()) == set(MODALITIES),
        "again": reproduction(config),
    }


def _what(run: Run, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec, size = MODELS.get(str(config.get("model"))), config.get("image_size")
    size = [size, size] if isinstance(size, int) else size
    rows = [("Model", str(config.get("model", "not recorded")))]
    if config.get("members"):
        rows.append(("Members", ", ".join(map(str, config["members"]))))
    if spec:
        rows.append(
            ("Kind", "logistic regression on principal components" if spec.kind == PIPELINE else "Keras network")
        )
    rows.append(("Run", run.name))
    rows.append(("Classes", ", ".join(map(str, config.get("classes") or metrics.get("classes_order") or []))))
    if size:
        cut = f"cut down to the {config['crop']}, then " if config.get("crop") else ""
        rows.append(("Input", f"{cut}{size[0]} × {size[1]} pixels" + (f"; {spec.preprocessing}" if spec else "")))
    rows.append(("Licence of the code", f"MIT (braintumor_tf); {spec.licence} (architecture)" if spec else "MIT"))
    rows.append(("Licence of the weights", "not stated by the run; those of the data and of the first weights hold"))
    return rows


def _training(run: Run, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    if config.get("members"):
        weights = ("Weights of the members", str(config.get("weights", "not recorded")))
        return [weights, ("Views of each image", str(views_of(config)))]
    if is_imported(config):
        found = config[IMPORTED]
        rows = [("Trained", "elsewhere; on what and how is not known"), ("File", f"{found['file']}, {found['sha256']}")]
        return [*rows, ("Pixels", found["preprocess"]), *(("Taken for granted", note) for note in found["notes"])]
    spec, settings = MODELS.get(str(config.get("model"))), config.get("training") or {}
    rows = [("First weights", _first_weights(config))] if spec is None or spec.kind != PIPELINE else []
    if settings and rows:
        stages = [
            f"{stage['epochs']} epochs at up to {stage['learning_rate']:g} ({stage['trains']})"
            for stage in settings.get("stages", [])
        ]
        rows += [
            ("Stages (learning rate, what is trained)", "; then ".join(stages)),
            ("Batch size, label smoothing", f"{settings.get('batch_size')}, {settings.get('label_smoothing')}"),
            ("Augmentation", _pairs(settings.get("augmentation")) or "none"),
            ("Chosen by", f"{settings.get('monitor')} on the validation images"),
        ]
    if "noise" in config:
        rows.append(("Training noise", _noise(config["noise"])))
    took, history = metrics.get("training") or {}, run.history
    if took.get("seconds") is not None:
        epochs = f", {len(history):,} epochs" if history is not None else ""
        rows.append(("Training took", f"{took['seconds']:,.1f} s{epochs}"))
    return rows


def _first_weights(config: Mapping[str, Any]) -> str:
    used = config.get("weights_used") or {}
    if used.get("file"):
        return f"{used['source']}: {used['file']}, MD5 {used['md5']}"
    return str(used.get("source") or config.get("weights") or "not recorded")


def _noise(description: Mapping[str, Any] | None) -> str:
    if not description:
        return "none"
    noise = from_description(dict(description))
    names = ", ".join(dict.fromkeys(type(part).__name__ for part in noise.parts))
    size = " at {} × {} pixels".format(*noise.size) if isinstance(noise, NoiseAtSize) else ""
    return f"{names}{size} (all settings in config.json)"


def _pairs(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (values or {}).items())


def _versions(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = config.get("environment") or {}
    packages = found.get("packages") or {}
    rows = [("Commit of braintumor_tf", found.get("git_commit") or "not recorded (an installed package has none)")]
    rows += [("Python", found["python"])] if found.get("python") else []
    rows += [(name, version) for name, version in packages.items()]
    if found.get("platform"):
        hardware = [f"{found.get('cores')} cores", *found.get("accelerators", [])]
        rows.append(("Hardware", f"{found['platform']}, {', '.join(hardware)}"))
    names = (("seed", "Seed"), ("split_seed", "Seed of the split"), ("data_fingerprint", "Fingerprint of the data"))
    return rows + [(title, str(config[name])) for name, title in names if config.get(name) is not None]


def reproduction(config: Mapping[str, Any]) -> dict[str, Any]:
    """Says how a run is made again from its own files: shell commands, and what stands in the way.

    Args:
        config: the run's settings.

    Returns:
        ``commands``, lines of shell to be run in the directory that holds the run RUN; ``note``, one sentence.
    """
    copied = ["mkdir again", "cp RUN/config.json RUN/manifest.csv again/"]
    resumed = "braintumor-tf train --resume again"
    if config.get("members"):
        arguments = [f"{list(config['members'])!r}", "'again'"]
        arguments += [
            f"{key}={config[key]!r}" for key in ("weights", "baselines", "seed", "resamples", "views") if key in config
        ]
        call = f"import braintumor_tf; braintumor_tf.run_ensemble({', '.join(arguments)})"
        return {"commands": [f'python -c "{call}"'], "note": "The runs of its members must lie beside it."}
    if is_imported(config):
        found = config[IMPORTED]
        words = ["braintumor-tf import-model", found["file"], "--classes", ",".join(config["classes"])]
        words += [
            "--preprocess",
            shlex.quote(found["preprocess"]),
            "--dataset",
            str(config.get("dataset")),
            "--out again",
        ]
        note = f"The file has the SHA-256 {found['sha256'] or 'that was not kept: the model came from memory'}."
        return {"commands": [" ".join(words)], "note": note}
    if "fold" in config and not has_folds(config):
        return {"commands": [], "note": "This is one fold of a k-fold run; make the whole again, as its card says."}
    augmentation = (config.get("training") or {}).get("augmentation")
    if augmentation is None or any(str(value).startswith("<") for value in augmentation.values()):
        return {"commands": [], "note": "Its settings hold what no file keeps, or are incomplete; call run_experiment "
                "with the same arguments again."}  # fmt: skip
    if config.get("baselines") not in (True, False, []):
        call = (
            "import json, pathlib; p = pathlib.Path('again/config.json'); c = json.loads(p.read_text()); "
            "c['baselines'] = True; p.write_text(json.dumps(c))"
        )
        copied.append(f'python -c "{call}"')
    note = "Training starts anew from its own settings and split; the images must lie where manifest.csv says."
    return {"commands": [*copied, resumed], "note": note}


def metadata(config: Mapping[str, Any], metrics: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Returns the metadata at the head of the card, as Hugging Face's model cards have them.

    Source: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    spec = MODELS.get(str(config.get("model")))
    name, title = (" ".join(text.split()) for text in (dataset_name(config) or "not recorded", title))
    measured = [
        {"type": kind, "name": text, "value": score(metrics, key).value}
        for key, (kind, text) in METRICS.items()
        if score(metrics, key).value is not None
    ]
    found: dict[str, Any] = {"license": "unknown"}  # the run does not say under which licence its weights go
    if spec:
        found["library_name"] = _LIBRARIES[spec.kind]
    found["pipeline_tag"] = "image-classification"
    found["tags"] = ["braintumor_tf", "brain-tumor", "mri", "medical-imaging", "research-only"]
    found["metrics"] = [row["type"] for row in measured]
    if measured:
        result = {
            "task": {"type": "image-classification", "name": "Image classification"},
            "dataset": {
                "name": name,
                "type": re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed",
                "split": str(metrics.get("split", "test")),
            },
            "metrics": measured,
        }
        found["model-index"] = [{"name": title, "results": [result]}]
    return found


def citation(config: Mapping[str, Any]) -> str:
    """Returns the BibTeX entry of this package in the version that made the run."""
    version = ((config.get("environment") or {}).get("packages") or {}).get("braintumor_tf", __version__)
    return (
        "@software{braintumor_tf,\n"
        "  author  = {{The braintumor\\_tf developers}},\n"
        "  title   = {braintumor\\_tf: honest classification of brain MRI slices with Keras 3},\n"
        f"  version = {{{version}}},\n"
        "  license = {MIT}\n"
        "}"
    )
