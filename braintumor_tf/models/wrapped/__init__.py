"""Models that were made elsewhere: read from their files, and behind the interface of those of this package."""
