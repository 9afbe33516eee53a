from __future__ import annotations

from hypothesis import settings

# The machine may be busy with other things; no example here waits for anything.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
