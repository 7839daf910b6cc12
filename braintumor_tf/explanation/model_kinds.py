"""The kinds of models that methods of explanation tell apart."""

from __future__ import annotations

CONVOLUTION = "convolution"
"""A network of convolutions: its last feature map is a picture."""

ATTENTION = "attention"
"""A vision transformer."""

OTHER = "other"
"""A model of which only the predictions are known, such as PCA + logistic regression."""

KINDS = (CONVOLUTION, ATTENTION, OTHER)
