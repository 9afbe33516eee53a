"""Regular expressions that are compiled when they are first used.

The patterns of what every command imports cost a tenth of its start, and most
commands use few of them.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    def regex(text: str, flags: int = 0) -> re.Pattern[str]:
        """Give the pattern that ``re.compile(text, flags)`` gives, compiled when first used."""

else:

    class regex:  # noqa: N801 (it is called like a function)
        """See above."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._given = text, flags

        def __getattr__(self, name: str) -> Any:
            # Called for what is not there yet; from then on it is.
            found = getattr(re.compile(*self._given), name)
            setattr(self, name, found)
            return found
