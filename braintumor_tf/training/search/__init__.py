"""Hyperparameter search: the space, the trials, their storage, and what was found."""
