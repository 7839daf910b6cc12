"""The contract of an exported model: what it takes, what it answers, what it scored, and how near it is to its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from braintumor_tf.errors import DamagedRun, ModelError
from braintumor_tf.files import file_hash
from braintumor_tf.runs.readers import read_fields
from braintumor_tf.types import Score

FILE = "contract.json"

VERSION = 1
"""The version of the contract that is written, and the only one that is read."""

ONNX, LITERT, OPENVINO, SAVED_MODEL = "onnx", "litert", "openvino", "saved_model"

FORMATS: Mapping[str, str] = MappingProxyType(
    {ONNX: "model.onnx", LITERT: "model.tflite", OPENVINO: "model.xml", SAVED_MODEL: "saved_model.pb"}
)
"""The formats of exported models, each with the file that it is opened by."""

IMAGE, PROBABILITIES, FEATURES = "image", "probabilities", "features"
"""The input and the outputs of an exported graph."""


@dataclass(frozen=True)
class ExportedFile:
    """A file of an exported model.

    Attributes:
        sha256: its SHA-256, 64 hex digits.
        bytes: its size.
    """

    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> ExportedFile:
        """Returns what the file at a path is."""
        return cls(file_hash(path, "sha256"), path.stat().st_size)


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How near an exported model is to the one that it was made of, measured on the run's test images.

    Attributes:
        images: how many were asked.
        changed: of how many the class is another one.
        largest_difference: of two probabilities of one image and class.
        mean_difference: of all probabilities.
        tolerance: the largest difference that was allowed; None where only changed answers count.
        allowed_changed: the share of changed answers that was allowed.
        bytes: of the exported model's files.
        source_bytes: of the run's model.
        milliseconds_per_image: as `evaluation.milliseconds_per_image` measures it.
        source_milliseconds_per_image: of the run's model on the same machine.
    """

    images: int
    changed: int
    largest_difference: float
    mean_difference: float
    tolerance: float | None
    allowed_changed: float
    bytes: int
    source_bytes: int
    milliseconds_per_image: float
    source_milliseconds_per_image: float

    @property
    def changed_share(self) -> float:
        """The share of test images whose class is another one."""
        return self.changed / self.images

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as ``contract.json`` holds it."""
        return {**asdict(self), "changed_share": self.changed_share}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Parity:
        """Returns the parity that `to_dict` wrote."""
        return cls(**{each.name: found[each.name] for each in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What an exported model promises, so that whatever runs it answers as ``predict`` does.

    Attributes:
        format: a key of `FORMATS`.
        int8: whether its weights and activations are 8-bit integers.
        run: the name of the run that it was made of.
        model: the run's model, such as ``"CNN"``.
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` that pictures are brought to before they come in.
        channels: 1 for grey, 3 for RGB.
        crop: what pictures are cut down to before they are resized, or None.
        preprocessing: what the graph itself does to pixels, in words; they come in as float32 from 0 to 255.
        parameters: of the run's model; None where they are not known.
        features: whether the graph has a second output, the features that the gate asks about.
        gate: whether ``gate.npz`` goes along.
        temperature: that calibrated probabilities are made with; None for a run that is not calibrated.
        coverage: that is stated for conformal sets; None as for `temperature`.
        thresholds: for each class the least probability that puts it into a conformal set; empty as for `temperature`.
        scores: of the exported model on the run's test images, by name.
        files: the exported model's files by their path inside the folder.
        source: the run's model file by its name.
        parity: None until it is measured.
        made_by: name and version of what exported it.
    """

    format: str
    int8: bool
    run: str
    model: str
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    channels: int
    crop: str | None
    preprocessing: str
    parameters: int | None
    features: bool
    gate: bool
    made_by: str
    temperature: float | None = None
    coverage: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Score] = field(default_factory=dict)
    files: Mapping[str, ExportedFile] = field(default_factory=dict)
    source: Mapping[str, ExportedFile] = field(default_factory=dict)
    parity: Parity | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as ``contract.json`` holds it."""
        return {
            "version": VERSION,
            "made_by": self.made_by,
            "format": self.format,
            "int8": self.int8,
            "run": self.run,
            "model": self.model,
            "classes": list(self.classes),
            "input": {
                "name": IMAGE,
                "image_size": list(self.image_size),
                "channels": self.channels,
                "crop": self.crop,
                "dtype": "float32",
                "range": [0, 255],
                "layout": "images, height, width, channels",
                "resize": "bilinear with antialiasing",
                "preprocessing": self.preprocessing,
            },
            "outputs": [PROBABILITIES, *([FEATURES] if self.features else [])],
            "parameters": self.parameters,
            "gate": self.gate,
            "temperature": self.temperature,
            "conformal": None if self.coverage is None else self._conformal(),
            "scores": {name: score.to_dict() for name, score in self.scores.items()},
            "files": {name: asdict(file) for name, file in self.files.items()},
            "source": {name: asdict(file) for name, file in self.source.items()},
            "parity": self.parity and self.parity.to_dict(),
        }

    def _conformal(self) -> dict[str, Any]:
        return {"coverage": self.coverage, "least_probability": dict(self.thresholds)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Contract:
        """Returns the contract that `to_dict` wrote."""
        same = ("format", "int8", "run", "model", "parameters", "gate", "made_by", "temperature")
        taken, conformal = found["input"], found["conformal"]
        return cls(
            **{name: found[name] for name in same},
            classes=tuple(found["classes"]),
            image_size=tuple(taken["image_size"]),
            **{name: taken[name] for name in ("channels", "crop", "preprocessing")},
            features=FEATURES in found["outputs"],
            coverage=conformal and conformal["coverage"],
            thresholds=dict(conformal["least_probability"]) if conformal else {},
            scores={name: Score.from_dict(score) for name, score in found["scores"].items()},
            files={name: ExportedFile(**file) for name, file in found["files"].items()},
            source={name: ExportedFile(**file) for name, file in found["source"].items()},
            parity=None if found["parity"] is None else Parity.from_dict(found["parity"]),
        )

    def with_files(self, folder: Path) -> Contract:
        """Returns the contract with the hashes of all files of the model that lie in a folder."""
        files = {path.relative_to(folder).as_posix(): ExportedFile.of(path) for path in model_files(folder)}
        return replace(self, files=files)


def read_contract(folder: str | Path) -> Contract:
    """Reads ``contract.json`` of an exported folder.

    Raises:
        DamagedRun: it is no contract: no JSON, a field is missing or of another type.
        ModelError: it is of another version, or there is none.

    Example:
        >>> read_contract("no/such/folder")
        Traceback (most recent call last):
        braintumor_tf.errors.ModelError: no/such/folder: has no contract.json; give a folder that export has written
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise ModelError(f"{folder}: has no {FILE}; give a folder that export has written")
    found = read_fields(path)
    if found["version"] != VERSION:
        raise ModelError(f"{path}: is of version {found['version']}, and this package reads {VERSION}; export it again")
    contract = Contract.from_dict(found)
    if contract.format not in FORMATS:
        raise DamagedRun(path, f"format {contract.format!r} is none of {', '.join(FORMATS)}")
    if set(contract.thresholds) - set(contract.classes):
        raise DamagedRun(path, "it has thresholds of other classes")
    return contract


def model_files(folder: Path) -> list[Path]:
    """Returns the files that an exported model consists of, sorted; a SavedModel and OpenVINO have several."""
    single = [folder / name for name in (*FORMATS.values(), "model.bin", "fingerprint.pb")]
    below = [path for name in ("variables", "assets") for path in (folder / name).rglob("*")]
    return sorted(path for path in (*single, *below) if path.is_file())
