"""A simulated patient: anatomy, tumour and scanner, and the drawing of one slice of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.labels import CLASSES, NO_TUMOR
from braintumor_tf.datasets.synthetic.acquisition import (
    NORMAL_AXIS,
    PLANES,
    Scanner,
    Size,
    acquire,
    acquire_mask,
    sample_scanner,
    slice_points,
)
from braintumor_tf.datasets.synthetic.geometry import Ellipsoid, Points, Tube, Vector, coverage, paint, stamp
from braintumor_tf.datasets.synthetic.mri.brain import Tissue, draw_brain, find_hulls
from braintumor_tf.datasets.synthetic.mri.head import Surround, draw_head
from braintumor_tf.datasets.synthetic.mri.lesions import (
    SELLA,
    Lesion,
    draw_lesion,
    lesion_distance,
    push_aside,
    sample_lesion,
)
from braintumor_tf.datasets.synthetic.mri.texture import Fields, Texture
from braintumor_tf.errors import DatasetError

TUMOURS = tuple(name for name in CLASSES if name != NO_TUMOR)
HEAD_BOX: tuple[Vector, Vector] = ((-100, -145, -200), (100, 118, 112))
GLAND = Ellipsoid((0, SELLA[1], SELLA[2] - 0.5), (6.0, 4.5, 3.2))
STALK = Tube(((0, 1, -28, 1.0), (0, -2, -20, 1.1)))


@dataclass(frozen=True)
class Patient:
    """Everything that the slices of one patient share.

    Attributes:
        label: the class.
        plane: the plane of all its slices.
        lesion: the tumour; without one, the place that was looked at.
        size: stretch of the head along x, y and z, 1 for the usual one.
        bend: three phases of a slow distortion of the head.
        tissue, surround: brightness of the tissues.
        texture: the patient's folds and noise.
        scanner: how it was imaged.
        spacing: distance between neighbouring slices in millimetres.
        noise_seed: seed of the noise of its images.
    """

    label: str
    plane: str
    lesion: Lesion
    size: Vector
    bend: Vector
    tissue: Tissue
    surround: Surround
    texture: Texture
    scanner: Scanner
    spacing: float
    noise_seed: int


def sample_patient(
    label: str, plane: str, rng: np.random.Generator, *, image_size: Size = None, shortcut: float = 0.0
) -> Patient:
    """Draws a patient of a class, imaged in a plane; arguments as `write_synthetic`.

    A patient without a tumour is looked at where another might have one, so that the place of a slice tells nothing.
    """
    site = sample_lesion(label if label != NO_TUMOR else str(rng.choice(TUMOURS)), rng, NORMAL_AXIS[plane])
    lesion = site if label != NO_TUMOR else Lesion(None, site.centre, site.radii)
    grey = rng.uniform(0.33, 0.40)
    fat = rng.uniform(0.62, 0.98)
    return Patient(
        label=label,
        plane=plane,
        lesion=lesion,
        size=tuple(rng.uniform(0.95, 1.05, 3).tolist()),
        bend=tuple(rng.uniform(0, 2 * np.pi, 3).tolist()),
        tissue=Tissue(
            csf=rng.uniform(0.09, 0.16),
            grey=grey,
            white=grey + rng.uniform(0.06, 0.15),
            enhancement=rng.uniform(0.75, 1.0),
            sulcus=rng.uniform(0.0, 0.75),
            ventricle=rng.uniform(0.6, 1.9),
            mottle=rng.uniform(0.015, 0.035),
        ),
        surround=Surround(
            fat=fat,
            muscle=rng.uniform(0.28, 0.36),
            marrow=fat * rng.uniform(0.6, 0.8),
            skull=rng.uniform(6.0, 8.5),
            scalp=rng.uniform(4.5, 8.0),
        ),
        texture=Texture.sample(rng),
        scanner=sample_scanner(
            rng, image_size=image_size, shortcut=shortcut, lean=CLASSES.index(label) / (len(CLASSES) - 1)
        ),
        spacing=rng.uniform(1.0, 1.7),
        noise_seed=int(rng.integers(2**32)),
    )


def render_slice(
    label: str,
    plane: str = "axial",
    *,
    seed: int = 0,
    position: float = 0.0,
    image_size: Size = 256,
    shortcut: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one slice of a simulated patient in memory.

    Args:
        label: one of the four classes.
        plane: ``axial``, ``coronal`` or ``sagittal``.
        seed: tells one patient from another; the same seed with other positions gives slices of one patient.
        position: where the slice lies, in millimetres from the centre of the tumour along the plane's normal.
        image_size: as `write_synthetic`.
        shortcut: as `write_synthetic`.

    Returns:
        The image, uint8 in 0..255 of shape ``(height, width)``, and the mask of the tumour, bool of the same shape (all
        False for ``no_tumor``, and where the slice misses the tumour).

    Raises:
        DatasetError: an unknown class or plane.

    Example:
        >>> image, mask = render_slice("glioma", "coronal", seed=3)
    """
    for value, known, name in ((label, CLASSES, "class"), (plane, PLANES, "plane")):
        if value not in known:
            raise DatasetError(f"{value!r} is no {name} of synthetic slices; known are {', '.join(known)}")
    rng = np.random.default_rng([seed, CLASSES.index(label), PLANES.index(plane)])
    return draw_slice(sample_patient(label, plane, rng, image_size=image_size, shortcut=shortcut), position)


def draw_slice(patient: Patient, position: float, *, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws one slice of a patient.

    Args:
        patient: the patient.
        position: distance of the slice from the centre of the lesion in millimetres, along the plane's normal.
        index: tells the noise of this image from that of the patient's others.

    Returns:
        The image, uint8 ``(height, width)``, and the tumour's mask, bool of the same shape.
    """
    points = slice_points(patient.scanner, patient.plane, patient.lesion.centre, position)
    signal, distance = np.zeros(points.shape, np.float32), np.full(points.shape, 99, np.float32)
    window = points.window(*HEAD_BOX)
    if window is not None:
        signal[window], distance[window] = _draw_tissue(patient, bend(points.cut(window), patient))
    rng = np.random.default_rng([patient.noise_seed, index])
    return acquire(signal, points, patient.scanner, rng), acquire_mask(distance, patient.scanner)


def _draw_tissue(patient: Patient, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Returns the brightness of the head, and the signed distance to the tumour's outline, at head-fixed points."""
    fields = Fields(patient.texture, points)
    hulls = find_hulls(points)
    moved = push_aside(points, patient.lesion)
    signal = draw_head(points, hulls, patient.surround, fields)
    half_thickness = 2.6 if patient.plane == "sagittal" else 0.0
    brain = draw_brain(points, moved, hulls, patient.tissue, fields, half_thickness)
    paint(signal, coverage(hulls.cranial_cavity, 1.4), brain)
    stamp(signal, moved, GLAND, 0.72 * patient.tissue.enhancement)
    stamp(signal, moved, STALK, 0.72 * patient.tissue.enhancement)
    distance = lesion_distance(points, patient.lesion, hulls, patient.texture)
    draw_lesion(signal, patient.lesion, distance, hulls, patient.tissue, fields)
    return signal, distance


def bend(points: Points, patient: Patient) -> Points:
    """Stretches and slowly distorts the head, leaving the lesion's centre where it is."""
    centre = patient.lesion.centre
    a, b, c = patient.bend
    stretched = [
        (axis - np.float32(middle)) * np.float32(1 / size) + np.float32(middle)
        for axis, middle, size in zip((points.x, points.y, points.z), centre, patient.size, strict=True)
    ]
    x, y, z = stretched
    return Points(
        x + 1.6 * (np.sin(y / 31 + a) - np.float32(np.sin(centre[1] / 31 + a))),
        y + 2.2 * (np.sin(z / 37 + b) - np.float32(np.sin(centre[2] / 37 + b))),
        z + 2.0 * (np.sin(y / 41 + c) - np.float32(np.sin(centre[1] / 41 + c))),
    )
