"""What scanners and their tools write: volumes, of which one slice is read at a time."""
