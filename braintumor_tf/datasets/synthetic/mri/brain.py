"""The brain inside its skull: hemispheres with folded cortex, ventricles, deep nuclei, cerebellum, brainstem, vessels.

Positions and sizes are those of textbook anatomy in MNI millimetres (rounded); nothing is taken from any image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.synthetic.geometry import (
    Ellipsoid,
    Points,
    Tube,
    coverage,
    paint,
    smooth_cut,
    smooth_union,
    stamp,
)
from braintumor_tf.datasets.synthetic.mri.texture import Fields

DOME = Ellipsoid((0, -18, 17), (61, 88, 59))
DOME_FLAT = 9.0
"""Half width of the nearly flat strip along the top of the head, in millimetres."""

TEMPORAL = Ellipsoid((40, -12, -22), (25, 35, 21))
CEREBELLUM = (Ellipsoid((21, -63, -37), (32, 29, 20)), Ellipsoid((0, -62, -32), (14, 28, 20)))
BRAINSTEM = Tube(((0, -20, -8, 11), (0, -27, -22, 10.5), (0, -30, -36, 10.5), (0, -36, -50, 8.5), (0, -45, -70, 6.5)))
PONS = Ellipsoid((0, -25, -31), (17, 11, 14))
PEDUNCLES = Tube(((12, -30, -32, 6), (27, -50, -36, 7)))
BASAL_CISTERNS = Ellipsoid((0, -10, -21), (24, 26, 12))
PETROUS = Tube(((16, -12, -42, 5), (46, -26, -42, 9), (60, -32, -42, 11)))
FRONT_AND_BODY = Tube(
    ((9, 30, -2, 2), (10, 24, 10, 4.5), (10, 0, 21, 4), (15, -25, 20, 4.5), (23, -42, 12, 6), (24, -64, 8, 2))
)
MEDIAL_WALL = Tube(((5, 28, 6, 2), (5, 14, 17, 2.6), (5.5, 0, 24, 2.4), (10, -24, 24, 3)))
TEMPORAL_HORN = Tube(((23, -42, 10, 5), (33, -28, -8, 2), (32, -10, -20, 1.5)))
CALLOSUM = Tube(
    (
        (0, 18, -3, 2.5),
        (0, 29, 4, 4.5),
        (0, 25, 15, 4),
        (0, 8, 26, 3.2),
        (0, -15, 29, 3.2),
        (0, -34, 21, 3.5),
        (0, -39, 11, 5),
    )
)
FORNIX = Tube(((2, -34, 14, 1.6), (2, -18, 16, 1.6), (2, -2, 10, 1.6), (2, -2, -4, 1.4)))
CORE = Ellipsoid((0, -8, 4), (30, 36, 22))
NUCLEI = (Ellipsoid((10, -18, 6), (9, 14, 8)), Ellipsoid((14, 14, 8), (5, 9, 9)), Ellipsoid((27, 1, 2), (5.5, 15, 9)))
THIRD_VENTRICLE = Ellipsoid((0, -8, -2), (2.2, 13, 9))
FOURTH_VENTRICLE = Ellipsoid((0, -43, -33), (7, 5, 11))
VESSELS = (
    (Tube(((0, -43, 3, 0.9), (0, -66, -3, 0.9), (0, -94, -16, 1.2))), 0.6),  # straight sinus
    (
        Tube(((4, -104, -15, 3), (34, -92, -21, 3.2), (52, -60, -25, 3.2), (56, -42, -34, 3))),
        0.95,
    ),  # transverse sinuses
    (
        Tube(((4, -2, -24, 1.2), (20, 2, -20, 1.4), (34, 2, -14, 1.2), (42, -8, 2, 0.8))),
        0.8,
    ),  # middle cerebral arteries
    (Tube(((0, 2, -22, 1), (0, 24, -6, 0.9), (0, 34, 8, 0.8), (0, 24, 24, 0.7))), 0.65),  # anterior cerebral arteries
    (Tube(((0, -12, -20, 1.3), (0, -12, -44, 1.5))), 0.8),  # basilar artery
    (Tube(((20, -40, 16, 2), (24, -36, 4, 1.4))), 0.75),  # choroid plexus
    (Tube(((9, 4, -26, 1.8), (11, -4, -36, 2))), 0.8),  # carotid arteries
)


@dataclass(frozen=True)
class Tissue:
    """One patient's brightness of each tissue (0 black, 1 white) and the form of the brain.

    Attributes:
        csf, grey, white: fluid, cortex and white matter.
        enhancement: brightness of vessels and dura after contrast agent.
        sulcus: half width of a cortical furrow in millimetres.
        ventricle: size of the ventricles, 1 for usual.
        mottle: strength of the texture of tissue.
    """

    csf: float
    grey: float
    white: float
    enhancement: float
    sulcus: float
    ventricle: float
    mottle: float


@dataclass(frozen=True)
class Hulls:
    """Signed distances of the large compartments, float32 in millimetres, one array of the slice's shape each."""

    cerebrum: np.ndarray
    cerebellum: np.ndarray
    brainstem: np.ndarray
    cranial_cavity: np.ndarray


def rounded_dome(points: Points, thickness: float = 0.0) -> np.ndarray:
    """Returns the signed distance to the smooth dome over the hemispheres, `thickness` millimetres outside them."""
    inward = np.maximum(np.abs(points.x) - DOME_FLAT, 0) + 0.12 * np.minimum(np.abs(points.x), DOME_FLAT)
    radii = tuple(radius + thickness for radius in DOME.radii)
    return Ellipsoid(DOME.centre, radii).distance(Points(inward, points.y, points.z))


def find_hulls(points: Points) -> Hulls:
    """Returns the compartments at the points of a slice."""
    both = points.mirrored()
    floor = -19 + 12 * np.exp(-(((points.y + 42) / 26) ** 2)) + 6 * np.exp(-(((points.y - 55) / 22) ** 2))
    cerebrum = smooth_cut(rounded_dome(points), floor - points.z, 10)
    cerebrum = smooth_union(cerebrum, TEMPORAL.distance(both), 9)
    cerebellum = smooth_union(CEREBELLUM[0].distance(both), CEREBELLUM[1].distance(points), 8)
    cerebellum = np.maximum(cerebellum, 2.2 - cerebrum)
    brainstem = smooth_union(BRAINSTEM.distance(points), PONS.distance(points), 4)
    basal = np.minimum(brainstem - 4.5, BASAL_CISTERNS.distance(points))
    cavity = smooth_union(smooth_union(cerebrum, cerebellum, 9), basal, 8) - 2.6
    return Hulls(cerebrum, cerebellum, brainstem, np.maximum(cavity, -PETROUS.distance(both)))


def draw_brain(
    points: Points, moved: Points, hulls: Hulls, tissue: Tissue, fields: Fields, half_thickness: float
) -> np.ndarray:
    """Returns the brightness of everything inside the skull, float32, as if the cranial cavity filled the slice.

    Args:
        points: the points of the slice.
        moved: the same points as pushed aside by a mass; inner structures follow these, the hulls do not.
        hulls: the compartments at `points`.
        tissue: the patient's tissue.
        fields: the slice's noise.
        half_thickness: half the thickness of a slice across the midline in millimetres; a sagittal slice shows the
            inner face of a hemisphere, and not the gap between the two, because it is thicker than the gap.
    """
    image = np.full(points.shape, tissue.csf, np.float32)
    _draw_cerebrum(image, moved, hulls, tissue, fields, half_thickness)
    _draw_depths(image, moved, hulls, tissue, half_thickness)
    _draw_cerebellum(image, moved, hulls, tissue, fields)
    paint(image, coverage(hulls.brainstem, 1.5), 0.6 * tissue.white + 0.4 * tissue.grey)
    stamp(image, moved.mirrored(), PEDUNCLES, tissue.white, softness=5.0, cover=coverage(hulls.cerebellum))
    stamp(image, moved, FOURTH_VENTRICLE, tissue.csf, grow=tissue.ventricle - 1, softness=2.0)
    image *= 1 + tissue.mottle * (fields.fine + 0.7 * fields.medium)
    _draw_vessels(image, points, moved, hulls, tissue, fields, 1 if half_thickness == 0 else 0.2)
    return image


def _draw_cerebrum(
    image: np.ndarray, moved: Points, hulls: Hulls, tissue: Tissue, fields: Fields, half_thickness: float
) -> None:
    depth = np.maximum(-hulls.cerebrum, 0)
    joined = np.maximum(-CORE.distance(moved), 0)
    across = np.abs(moved.x + 0.5 * fields.coarse)
    fold = fields.texture.folds(moved) + 0.75 * np.maximum(np.minimum(depth, across) - 16, 0) + joined
    middle = np.maximum(across, half_thickness) + joined
    beyond = np.maximum(np.abs(moved.y + 10) - 30, 0) + np.maximum(30 - np.abs(moved.x), 0)
    sylvian = np.abs(moved.z + 2 + 0.6 * moved.y + 4.0 * fields.coarse) * 0.86 + 0.6 * beyond
    pial = np.minimum(np.minimum(depth + 0.6, fold), np.minimum(middle + 0.3, sylvian))
    cortex = np.clip((pial - tissue.sulcus) / 1.4, 0, 1)
    core = np.clip((pial - tissue.sulcus - 2.3) / 1.8, 0, 1)
    value = tissue.csf + (tissue.grey - tissue.csf) * cortex + (tissue.white - tissue.grey) * core
    paint(image, coverage(hulls.cerebrum, 1.5), value)


def _draw_depths(image: np.ndarray, moved: Points, hulls: Hulls, tissue: Tissue, half_thickness: float) -> None:
    both = moved.mirrored()
    inside = coverage(hulls.cerebrum + 3, 2.0)
    stamp(image, moved, CORE, tissue.white, grow=-3, softness=8.0, cover=inside)
    for nucleus in NUCLEI:
        stamp(image, both, nucleus, tissue.grey * 1.03, softness=2.5, cover=inside)
    swell = 2.4 * (tissue.ventricle - 1)
    septum = np.clip(both.x - 0.3, 0, 1) if half_thickness == 0 else 0.75
    for ventricle, grow in ((FRONT_AND_BODY, swell), (MEDIAL_WALL, swell), (TEMPORAL_HORN, swell - 0.6)):
        stamp(image, both, ventricle, tissue.csf, grow=grow, cover=inside * septum)
    stamp(image, moved, THIRD_VENTRICLE, tissue.csf, grow=swell / 4, cover=1.0 if half_thickness == 0 else 0.6)
    stamp(image, both, FORNIX, tissue.white, cover=inside)
    stamp(image, moved, CALLOSUM, tissue.white * 1.08, softness=1.8, cover=inside)


def _draw_cerebellum(image: np.ndarray, moved: Points, hulls: Hulls, tissue: Tissue, fields: Fields) -> None:
    back, up = -(moved.y + 40), moved.z + 34
    depth = np.maximum(-hulls.cerebellum, 0)
    reach = np.hypot(back, 0.75 * moved.x)
    angle = np.arctan2(up, reach * np.sign(back + 8)) + 0.012 * depth + 0.05 * fields.coarse
    leaves = np.abs(np.sin(angle * 15 + 0.22 * reach)) * np.clip(depth / 5, 0.35, 1)
    leaves = np.maximum(leaves, np.clip((depth - 11) / 7, 0, 1))
    value = tissue.csf + (tissue.grey - tissue.csf) * np.clip(0.42 + 0.75 * leaves, 0, 1)
    value += (tissue.white - tissue.grey) * np.clip((depth - 10) / 8, 0, 1)
    paint(image, coverage(hulls.cerebellum, 1.8), value)


def _draw_vessels(
    image: np.ndarray, points: Points, moved: Points, hulls: Hulls, tissue: Tissue, fields: Fields, falx_share: float
) -> None:
    bright, both = tissue.enhancement, moved.mirrored()
    veins = np.clip(fields.medium - 1.3, 0, 1)
    dura = coverage(np.abs(hulls.cranial_cavity + 1.0) - 1.1, 1.4)
    paint(image, dura * (0.25 + 0.7 * veins), bright * 0.8)
    outside = Ellipsoid((0, -8, 2), (60, 40, 32)).distance(moved)
    falx = coverage(np.abs(moved.x + 0.5 * fields.coarse) - 0.2, 1.6) * np.clip(outside / 6, 0, 1)
    paint(image, falx * coverage(hulls.cerebrum + 1.0) * 0.5 * falx_share, bright * 0.75)
    sinus = coverage(np.hypot(points.x, hulls.cranial_cavity + 2.2) - 2.6, 1.4)
    paint(image, sinus * coverage(points.y - 30, 40.0) * coverage(-5 - points.z, 10.0), bright)
    for vessel, share in VESSELS:
        stamp(image, both, vessel, bright * share)
