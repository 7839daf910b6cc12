"""Figures of explanations and of what layers see."""
