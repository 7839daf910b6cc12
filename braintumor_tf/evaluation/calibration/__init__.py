"""Calibrated probabilities, conformal sets, and abstention."""
