"""Faults: damaged files, full disks, several processes at once; and fuzzed inputs."""
