"""Models that were trained elsewhere as runs: kept, looked at with real images, and scored."""
