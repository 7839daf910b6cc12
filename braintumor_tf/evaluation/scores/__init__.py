"""Scores of predictions, each with an interval over groups of images."""
