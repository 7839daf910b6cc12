"""The commands ``datasets …``: one file a task."""
