"""The three tumours: where they grow, what shape they have, how they push and look after contrast agent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.synthetic.geometry import Ellipsoid, Points, Vector, coverage, paint, smooth_union
from braintumor_tf.datasets.synthetic.mri.brain import Hulls, Tissue, find_hulls
from braintumor_tf.datasets.synthetic.mri.texture import Fields, Texture

SELLA: Vector = (0.0, 3.0, -33.0)
"""The pituitary fossa, at the midline of the skull base."""


@dataclass(frozen=True)
class Lesion:
    """One tumour, or with `kind` None the place where a patient without a tumour was looked at.

    Attributes:
        kind: ``glioma``, ``meningioma``, ``pituitary`` or None.
        centre: its centre in millimetres.
        radii: its half axes in millimetres.
        roughness: how irregular its outline is, as a share of its radius.
        rim: thickness of the enhancing rim in millimetres (glioma).
        oedema: width of the swelling around it in millimetres.
        uptake: brightness of the enhancing tissue, 0..1.
        push: how far it displaces the brain around it, as a share of its radius.
        falx_side: -1 or 1 for a meningioma that sits on the falx, on the left or the right; else 0.
    """

    kind: str | None
    centre: Vector
    radii: Vector
    roughness: float = 0.0
    rim: float = 4.0
    oedema: float = 0.0
    uptake: float = 0.85
    push: float = 0.0
    falx_side: int = 0

    @property
    def radius(self) -> float:
        """The mean half axis in millimetres."""
        return float(np.mean(self.radii))


def sample_lesion(kind: str, rng: np.random.Generator, normal_axis: int) -> Lesion:
    """Draws a tumour of a kind (``glioma``, ``meningioma`` or ``pituitary``) with its usual sites and sizes.

    Args:
        kind: the kind.
        rng: where randomness comes from.
        normal_axis: the axis (0, 1, 2 for x, y, z) across which it will be cut. A meningioma is put where such a cut
            shows its base on the dura, as a radiologist picks the plane.
    """
    return {"glioma": _sample_glioma, "meningioma": _sample_meningioma, "pituitary": _sample_pituitary}[kind](
        rng, normal_axis
    )


def _sample_glioma(rng: np.random.Generator, normal_axis: int) -> Lesion:
    side = rng.choice((-1.0, 1.0))
    radii = tuple((rng.uniform(14, 24) * rng.uniform(0.85, 1.15, 3)).tolist())
    if rng.random() < 0.25:  # temporal lobe
        centre = (side * rng.uniform(38, 44), rng.uniform(-30, 6), rng.uniform(-22, -12))
    else:
        centre = (side * rng.uniform(18, 38), rng.uniform(-62, 36), rng.uniform(8, 40))
    return Lesion(
        "glioma",
        centre,
        radii,
        roughness=rng.uniform(0.14, 0.24),
        rim=rng.uniform(2.6, 5.0),
        oedema=rng.uniform(7, 16),
        uptake=rng.uniform(0.72, 0.98),
        push=rng.uniform(0.25, 0.45),
    )


def _sample_meningioma(rng: np.random.Generator, normal_axis: int) -> Lesion:
    radius = rng.uniform(12, 22)
    radii = tuple((radius * rng.uniform(0.9, 1.12, 3)).tolist())
    shape = {"roughness": rng.uniform(0.02, 0.05), "oedema": rng.uniform(0, 5), "uptake": rng.uniform(0.72, 0.98)}
    if normal_axis != 0 and rng.random() < 0.3:
        side = int(rng.choice((-1, 1)))
        centre = (side * 0.62 * radius, rng.uniform(-70, 42), rng.uniform(46, 60))
        return Lesion("meningioma", centre, radii, push=0.35, falx_side=side, **shape)
    across, up = rng.uniform(-np.pi, np.pi), rng.uniform(-0.2, 0.85)
    direction = np.array([np.cos(across) * np.cos(up), np.sin(across) * np.cos(up), np.sin(up)])
    direction[normal_axis] *= 0.5
    direction /= np.linalg.norm(direction)
    surface = _dura_along(direction)
    centre = tuple((surface - direction * radius * rng.uniform(0.5, 0.7)).tolist())
    return Lesion("meningioma", centre, radii, push=0.35, **shape)


def _dura_along(direction: np.ndarray) -> np.ndarray:
    """Returns where a ray from the middle of the brain meets the dura."""
    start, steps = np.array([0.0, -18.0, 12.0]), np.arange(30.0, 110.0, 0.5)
    ray = start + steps[:, None] * direction
    cavity = find_hulls(Points(*ray.T.astype(np.float32))).cranial_cavity
    return ray[int(np.argmax(cavity > 0))]


def _sample_pituitary(rng: np.random.Generator, normal_axis: int) -> Lesion:
    radius = rng.uniform(7.5, 13.5)
    radii = (radius * rng.uniform(1.0, 1.2), radius * rng.uniform(0.8, 1.0), radius * rng.uniform(0.95, 1.2))
    centre = (rng.uniform(-2, 2), SELLA[1] + rng.uniform(-1, 2), SELLA[2] + 0.45 * radii[2] - 1)
    return Lesion(
        "pituitary", centre, radii, roughness=rng.uniform(0.03, 0.08), uptake=rng.uniform(0.68, 0.92), push=0.3
    )


def push_aside(points: Points, lesion: Lesion) -> Points:
    """Returns the points from where the tissue now at `points` was pushed away by the mass."""
    if lesion.push == 0 or lesion.kind is None:
        return points
    offsets = [a - np.float32(c) for a, c in zip((points.x, points.y, points.z), lesion.centre, strict=True)]
    distance = np.sqrt(sum(offset**2 for offset in offsets)) + np.float32(1e-3)
    radius = lesion.radius
    shift = lesion.push * radius * np.exp(-((np.maximum(distance - radius, 0) / (1.3 * radius)) ** 2))
    share = np.minimum(shift / distance, 0.9)
    return Points(*(a - o * share for a, o in zip((points.x, points.y, points.z), offsets, strict=True)))


def lesion_distance(points: Points, lesion: Lesion, hulls: Hulls, texture: Texture) -> np.ndarray:
    """Returns the signed distance to the tumour's outline, float32 in millimetres; +99 everywhere without a tumour."""
    if lesion.kind is None:
        return np.full(points.shape, 99, np.float32)
    body = Ellipsoid(lesion.centre, lesion.radii).distance(points)
    if lesion.kind == "pituitary":
        below = (lesion.centre[0], SELLA[1], SELLA[2] - 2)
        body = smooth_union(body, Ellipsoid(below, (8.5, 7.5, 7.0)).distance(points), 3)
    body = body + np.float32(lesion.roughness * lesion.radius) * texture.noise(points, 0.8 * lesion.radius)
    if lesion.kind == "glioma":
        return np.maximum(body, hulls.cerebrum + 3)
    if lesion.kind == "meningioma":
        body = np.maximum(body, hulls.cranial_cavity + 0.3)
        return np.maximum(body, 0.8 - lesion.falx_side * points.x) if lesion.falx_side else body
    return body


def draw_lesion(
    image: np.ndarray, lesion: Lesion, distance: np.ndarray, hulls: Hulls, tissue: Tissue, fields: Fields
) -> None:
    """Paints the tumour with its surroundings into the image of a slice, in place."""
    if lesion.kind is None or distance.min() > 30:
        return
    brain = coverage(np.minimum(hulls.cerebrum, hulls.cerebellum) + 1.5, 3.0)
    if lesion.oedema:
        reach = lesion.oedema * (1 + 0.45 * fields.coarse)
        swelling = coverage(distance - 0.6 * reach, 7.0) * brain
        paint(image, 0.85 * swelling, 0.5 * tissue.grey + 0.5 * tissue.csf)
    {"glioma": _draw_glioma, "meningioma": _draw_meningioma, "pituitary": _draw_pituitary}[lesion.kind](
        image, lesion, distance, hulls, tissue, fields
    )


def _draw_glioma(
    image: np.ndarray, lesion: Lesion, distance: np.ndarray, hulls: Hulls, tissue: Tissue, fields: Fields
) -> None:
    coarse, fine = fields.medium, fields.fine
    rim = lesion.rim * np.clip(1 + 0.45 * coarse, 0.3, 2.2)
    paint(image, coverage(distance, 1.8), tissue.csf + 0.06 + 0.05 * fine)
    shreds = np.clip(coarse - 1.0, 0, 1) * coverage(distance + 2)
    paint(image, 0.6 * shreds, lesion.uptake * 0.8)
    ring = coverage(np.abs(distance + rim / 2) - rim / 2, 1.8) * np.clip(1.0 + 0.25 * fine, 0.45, 1)
    paint(image, ring, lesion.uptake * (1 + 0.06 * fine))


def _draw_meningioma(
    image: np.ndarray, lesion: Lesion, distance: np.ndarray, hulls: Hulls, tissue: Tissue, fields: Fields
) -> None:
    cleft = coverage(np.abs(distance - 0.9) - 0.5, 1.5) * coverage(hulls.cranial_cavity + 2)
    paint(image, 0.7 * cleft, tissue.csf)
    tail = coverage(np.abs(hulls.cranial_cavity + 1.2) - 1.2, 1.4) * np.clip(1 - distance / 14, 0, 1)
    if not lesion.falx_side:
        paint(image, tail, lesion.uptake * 0.9)
    paint(image, coverage(distance, 1.5), lesion.uptake * (1 + 0.035 * fields.fine))


def _draw_pituitary(
    image: np.ndarray, lesion: Lesion, distance: np.ndarray, hulls: Hulls, tissue: Tissue, fields: Fields
) -> None:
    value = lesion.uptake * (1 + 0.05 * fields.fine - 0.08 * np.clip(1 + distance / 5, 0, 1))
    paint(image, coverage(distance, 1.6), value)
