"""What a command wants of the pipeline, as a value: to make one imports none of the steps."""

from __future__ import annotations

from stead.values.frozen import dataclass, field
from stead.values.selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stead.pipeline.transaction import Staging
    from stead.values.lock import Pin
    from stead.values.platform import Platform


@dataclass(frozen=True)
class Request:
    """What a command wants: an environment of the place that a directory belongs to."""

    directory: str
    environment: str
    platform: Platform
    here: Platform
    """The platform of this machine."""
    user_home: str = ""
    locked: bool = False
    """Fail rather than change the lock."""
    released: bool = False
    """Fail where the lock names working copies of modules."""
    taken: tuple[Pin, ...] = ()
    """Modules that were looked up a moment ago, and count like those the lock pins."""
    working: Mapping[str, str] = field(default_factory=dict)
    """Working copies of modules to use from now on: name → directory, or nothing for none."""
    overlay: Mapping[str, str | None] = field(default_factory=dict)
    """Files as they would be after an edit: path → text, None for no file."""
    staging: Staging | None = None
    """Takes what would be written, inside a transaction; ``overlay`` has what is there already."""
    selection: Selection = field(default_factory=Selection)
    """The app, recipe, target and values that were asked for."""
    strict: bool = False
    """What the caller's shell sets otherwise is an error."""
    named: bool = False
    """The environment was asked for by its name: no recipe puts another in its place."""
    noting: Callable[[], Mapping[str, bytes]] = dict
    """Gives what is written together with a change of manifests or lock: path → content."""
