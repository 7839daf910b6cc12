"""The head around the brain: skull, scalp, orbits, sinuses, face, jaw and neck, for all three planes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.synthetic.geometry import Ellipsoid, Points, Tube, coverage, paint, smooth_union, stamp
from braintumor_tf.datasets.synthetic.mri.brain import PETROUS, Hulls, rounded_dome
from braintumor_tf.datasets.synthetic.mri.texture import Fields

AIR = 0.015
BONE = 0.05
NOSE = Tube(((0, 74, -14, 8), (0, 85, -36, 10), (0, 93, -53, 9), (0, 80, -60, 12)))
LIPS = (Ellipsoid((0, 79, -78), (21, 8, 5.5)), Ellipsoid((0, 77, -91), (19, 8, 5.5)))
CHIN = Ellipsoid((0, 70, -108), (24, 19, 17))
FACE = Ellipsoid((22, 36, -60), (41, 47, 66))
NECK = Tube(((0, -46, -40, 50), (0, -44, -110, 49), (0, -46, -190, 56)))
EAR_LEVEL = Ellipsoid((46, -24, -38), (30, 42, 40))
EAR = Ellipsoid((78, -32, -32), (7, 10, 24))
ORBIT = Tube(((33, 57, -36, 18), (26, 42, -36, 14), (13, 20, -35, 4)))
EYE = Ellipsoid((33, 62, -36), (12.5, 12.5, 12.5))
LENS = Ellipsoid((33, 70.5, -36), (5, 2.6, 5))
OPTIC_NERVE = Tube(((32, 50, -36, 2.2), (24, 30, -35, 2), (7, 10, -31, 2)))
EYE_MUSCLES = (
    Tube(((19, 56, -36, 1.6), (15, 40, -36, 2.6), (12, 22, -35, 1.2))),
    Tube(((46, 54, -36, 1.6), (34, 36, -36, 2.6), (15, 22, -35, 1.2))),
    Tube(((33, 58, -23, 1.2), (26, 40, -26, 2.4), (14, 22, -33, 1.2))),
    Tube(((33, 58, -49, 1.2), (26, 40, -46, 2.4), (14, 22, -37, 1.2))),
)
AIR_SPACES = (
    Ellipsoid((0, 19, -47), (13, 15, 9)),  # sphenoid sinus, under the sella
    Ellipsoid((29, 42, -63), (13, 16, 17)),  # maxillary sinuses
    Ellipsoid((9, 76, 0), (11, 5, 11)),  # frontal sinus
)
NASAL_CAVITY = Ellipsoid((0, 46, -52), (16, 34, 24))
MOUTH = Ellipsoid((0, 48, -90), (26, 31, 18))
TONGUE = Ellipsoid((0, 42, -99), (25, 32, 21))
PALATE = Ellipsoid((0, 46, -75), (23, 33, 4.5))
JAW = Tube(((50, 6, -54, 4), (48, 8, -78, 6), (44, 24, -106, 7), (26, 60, -110, 7.5), (0, 70, -110, 7.5)))
TEETH = (
    Tube(((30, 40, -84, 4.5), (22, 60, -84, 4.5), (0, 69, -84, 3.5))),
    Tube(((30, 40, -96, 4.5), (22, 60, -96, 4.5), (0, 69, -96, 3.5))),
)
MASSETER = Ellipsoid((57, 18, -78), (8, 18, 25))
PTERYGOID = Ellipsoid((36, 10, -68), (9, 15, 20))
CHEEK_FAT = Tube(((40, 34, -62, 5), (44, 48, -76, 8), (42, 42, -92, 6)))
PAROTID = Ellipsoid((54, -12, -74), (9, 13, 19))
TEMPORALIS = Ellipsoid((63, 22, -24), (12, 26, 30))
PHARYNX = Tube(((0, 14, -66, 6), (0, -8, -76, 7.5), (0, -10, -105, 5.5), (0, -16, -190, 8)))
CLIVUS = Tube(((0, -9, -37, 3.5), (0, -16, -50, 5.5), (0, -24, -64, 3.5)))
CAVERNOUS = Ellipsoid((11, 1, -34), (6, 10, 7))
FOSSA = Ellipsoid((0, 3, -33), (8, 7, 6))
MASTOID = Ellipsoid((52, -34, -46), (14, 17, 17))
CORD = Tube(((0, -45, -70, 6), (0, -54, -110, 5), (0, -52, -190, 5)))
SPINE = Tube(((0, -27, -70, 8), (0, -34, -100, 11), (0, -33, -190, 12.5)))
DENS = Tube(((0, -28, -64, 4.5), (0, -31, -88, 6.5)))
NECK_VESSELS = Tube(((28, -18, -60, 3), (30, -14, -190, 3.5)))
NECK_MUSCLES = (
    (Ellipsoid((14, -82, -100), (11, 14, 60)), 1.0),
    (Ellipsoid((34, -72, -110), (10, 18, 60)), 0.92),
    (Ellipsoid((46, -32, -120), (8, 18, 50)), 1.05),
)


@dataclass(frozen=True)
class Surround:
    """One patient's brightness of the tissues around the brain (0 black, 1 white).

    Attributes:
        fat: fat under the skin and in the orbits.
        muscle: muscle.
        marrow: bone marrow.
        skull: thickness of the skull in millimetres.
        scalp: thickness of the scalp in millimetres.
    """

    fat: float
    muscle: float
    marrow: float
    skull: float
    scalp: float


def head_outline(points: Points, surround: Surround) -> np.ndarray:
    """Returns the signed distance to the skin, float32 in millimetres."""
    both = points.mirrored()
    skin = rounded_dome(points, surround.skull + surround.scalp + 2.6)
    skin = smooth_union(skin, FACE.distance(both), 14)
    skin = smooth_union(skin, EAR_LEVEL.distance(both), 10)
    skin = smooth_union(skin, np.minimum(NOSE.distance(points), CHIN.distance(points)), 9)
    skin = smooth_union(skin, np.minimum(LIPS[0].distance(points), LIPS[1].distance(points)), 5)
    neck = NECK.distance(Points(points.x * np.float32(0.86), points.y, points.z))
    return smooth_union(smooth_union(skin, neck, 30), EAR.distance(both), 3)


def draw_head(points: Points, hulls: Hulls, surround: Surround, fields: Fields) -> np.ndarray:
    """Returns the brightness of everything outside the cranial cavity, float32, black outside the head."""
    skin, both = head_outline(points, surround), points.mirrored()
    image = _soft_tissue(points, surround, fields)
    _draw_muscles(image, both, surround, fields)
    _draw_neck(image, points, both, surround, fields)
    _draw_face(image, points, both, surround, fields)
    _draw_orbits(image, both, surround)
    _draw_skull(image, points, both, hulls, surround, fields)
    _draw_sella(image, points, both, surround)
    layer = coverage(-skin - surround.scalp * 0.85, 2.0) * coverage(skin + 1.2, 1.5)
    paint(image, layer, surround.fat * (1 + 0.07 * fields.medium))
    paint(image, coverage(np.abs(skin + 1.0) - 1.0, 1.2), 0.55 * surround.fat + 0.12)
    stamp(image, both, EAR, surround.muscle * 1.2, grow=-1.0)
    image *= coverage(skin, 1.4)
    return image


def _soft_tissue(points: Points, surround: Surround, fields: Fields) -> np.ndarray:
    """Muscle bellies with broken sheets of fat between them."""
    sheets = np.clip(1.1 - fields.texture.folds(points) / 1.3, 0, 1) * np.clip(0.55 + 0.5 * fields.coarse, 0, 1)
    pads = np.clip(0.3 + 0.9 * fields.medium - 0.5 * fields.coarse, 0, 1)
    image = surround.muscle + (surround.fat * 0.8 - surround.muscle) * np.maximum(0.6 * sheets, 0.5 * pads)
    return (image * (1 + 0.06 * fields.fine)).astype(np.float32)


def _draw_muscles(image: np.ndarray, both: Points, surround: Surround, fields: Fields) -> None:
    fibres = surround.muscle * (1 + 0.08 * fields.fine + 0.06 * fields.medium)
    for shape, value in (
        (CHEEK_FAT, surround.fat * np.clip(0.7 + 0.2 * fields.medium, 0.4, 1)),
        (PAROTID, 0.5 * (surround.fat + surround.muscle)),
        (TEMPORALIS, fibres),
        (MASSETER, fibres),
        (PTERYGOID, fibres),
    ):
        stamp(image, both, shape, surround.fat * 0.75, grow=1.2, softness=2.0)
        stamp(image, both, shape, value, softness=2.0)
    for shape, share in NECK_MUSCLES:
        stamp(image, both, shape, surround.fat * 0.75, grow=1.5, softness=2.0)
        stamp(image, both, shape, fibres * share, softness=2.0)


def _draw_skull(
    image: np.ndarray, points: Points, both: Points, hulls: Hulls, surround: Surround, fields: Fields
) -> None:
    cavity = hulls.cranial_cavity
    dome = coverage(-26 - points.z + 0.12 * points.y, 14.0)
    thick = surround.skull * (0.4 + 0.6 * dome)
    paint(image, coverage(cavity - thick, 1.4), BONE)
    diploe = np.abs(cavity - 0.52 * thick) - 0.17 * thick
    strength = dome * np.clip(0.75 + 0.35 * fields.coarse, 0.15, 1)
    paint(image, coverage(diploe, 1.6) * strength, surround.marrow)
    cells = np.clip(0.5 + 0.8 * fields.fine, 0, 1)
    outside = coverage(-cavity, 1.5)
    stamp(image, both, MASTOID, BONE + 0.30 * cells**2, softness=2.0, cover=outside)
    stamp(image, both, PETROUS, 0.07 + 0.1 * cells, grow=-0.8, softness=1.8, cover=outside)


def _draw_face(image: np.ndarray, points: Points, both: Points, surround: Surround, fields: Fields) -> None:
    stamp(image, points, MOUTH, AIR + 0.03, softness=2.0)
    stamp(image, points, TONGUE, surround.muscle * 1.2 * (1 + 0.08 * fields.fine), softness=1.8)
    stamp(image, points, PALATE, BONE)
    stamp(image, points, PALATE, surround.marrow, grow=-2.3)
    stamp(image, both, JAW, BONE)
    stamp(image, both, JAW, surround.marrow * 0.9, grow=-2.2)
    for row in TEETH:
        stamp(image, both, row, BONE)
    walls = np.abs(np.sin(both.x * 0.62 + 0.05 * (points.z + 50) + 0.25 * fields.medium))
    stamp(image, points, NASAL_CAVITY, AIR + 0.45 * np.clip(1.25 - 2.6 * walls, 0, 1), softness=2.0)
    for space in AIR_SPACES:
        stamp(image, both, space, 0.35, grow=0.8)
        stamp(image, both, space, AIR, grow=-0.6)
    stamp(image, points, PHARYNX, AIR, softness=1.8)


def _draw_orbits(image: np.ndarray, both: Points, surround: Surround) -> None:
    stamp(image, both, ORBIT, BONE, grow=1.8)
    stamp(image, both, ORBIT, surround.fat * 0.95)
    for muscle in EYE_MUSCLES:
        stamp(image, both, muscle, surround.muscle * 1.15)
    stamp(image, both, OPTIC_NERVE, surround.muscle * 1.05)
    stamp(image, both, EYE, surround.muscle * 1.3)
    stamp(image, both, EYE, 0.14, grow=-1.6)
    stamp(image, both, LENS, surround.muscle * 1.5)


def _draw_sella(image: np.ndarray, points: Points, both: Points, surround: Surround) -> None:
    """The bone around the pituitary fossa: marrow of the clivus behind it, a thin floor under it."""
    stamp(image, points, CLIVUS, BONE, grow=1.5)
    stamp(image, points, CLIVUS, surround.marrow)
    stamp(image, both, CAVERNOUS, 0.5 * surround.fat + 0.12)
    stamp(image, points, FOSSA, 0.12)


def _draw_neck(image: np.ndarray, points: Points, both: Points, surround: Surround, fields: Fields) -> None:
    along = (points.z + 0.1 * points.y) / 17.0
    beside = np.abs(along - np.round(along))
    disc = np.clip(1.6 - 6 * beside, 0, 1) * (points.z < -88)
    stamp(image, points, SPINE, BONE, grow=1.2)
    stamp(image, points, SPINE, surround.marrow * 0.85 * (1 - 0.55 * disc) * (1 + 0.05 * fields.fine))
    stamp(image, points, DENS, surround.marrow * 0.9)
    behind = np.clip(1.3 - 4 * beside, 0, 1) * coverage(np.abs(points.x) - 5, 3.0) * coverage(points.z + 76, 4.0)
    stamp(image, points, Ellipsoid((0, -74, -125), (9, 17, 60)), surround.marrow, softness=4.0, cover=behind)
    stamp(image, points, CORD, 0.10, grow=4.0)
    stamp(image, points, CORD, surround.muscle * 1.15)
    stamp(image, both, NECK_VESSELS, 0.8 * surround.fat)
