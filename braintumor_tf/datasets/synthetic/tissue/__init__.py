"""Simulated stained tissue, for the question whether an image is a slice of a head at all."""
