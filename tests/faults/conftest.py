"""The profile of `make fuzz` for the property tests: many examples instead of few."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
