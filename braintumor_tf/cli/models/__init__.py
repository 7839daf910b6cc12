"""The commands on models: those that can be trained here, and one that was trained elsewhere."""
