"""Which place in the inbox a command takes: what equals a listed safe action goes before all other commands.

Asked only of what an enrolled key has signed, or a token vouches for; whether it is admitted is for gate 4.
"""

from twinvouch.core.errors import MalformedError
from twinvouch.core.event import Priority
from twinvouch.core.site import Site
from twinvouch.wire.command import read_command
from twinvouch.wire.cose import unseal


def lane(raw: bytes, site: Site, *, is_sealed: bool) -> Priority:
    """SAFE for a listed action; COMMAND for all else, and for what cannot be read."""
    if not site.safe:
        return Priority.COMMAND
    try:
        content = unseal(raw).content if is_sealed else raw
        command = read_command(content, site.plant.id, signed=is_sealed)
    except MalformedError:
        return Priority.COMMAND
    mine = (s for s in site.safe.get(command.tag, ()) if s.is_for(command.principal))
    listed = any(s.value == command.value for s in mine)
    return Priority.SAFE if listed else Priority.COMMAND
