"""`twinvouch demo`: the built-in plant under attack for about a minute."""

from importlib.util import find_spec

from twinvouch.core.errors import UnavailableError

NEEDED = ("wntr", "pymodbus")
INSTALL = "pip install 'twinvouch[lab]'"


def require_lab() -> None:
    """Refuse where the `[lab]` extra is not installed, with the line that installs it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"the built-in plant needs {' and '.join(missing)}, which are not installed: {INSTALL}"
        )
