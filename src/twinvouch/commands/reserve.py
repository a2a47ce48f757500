"""What is kept of an hour's budget: the last of it is for persons, and for services that are named, so that no other can spend it.

A budget is of the plant: everybody's permits count in it. Who is not among those it is kept for gets nothing more once the
total has come to the budget less the reserve. A listed safe action, and a command of the core, have all of it.
"""

from twinvouch.commands.view import Target, View
from twinvouch.core.inventory import PrincipalKind
from twinvouch.core.past import kept


def is_kept_from(view: View, target: Target) -> bool:
    """True where whoever proposes may not spend what is kept."""
    past, who = target.limits.past, view.command.principal
    if not past.reserve or view.is_listed or who in past.reserved_for:
        return False
    known = view.site.plant.principals.get(who)
    return known is None or known.kind is not PrincipalKind.PERSON


def times(view: View, target: Target, most: int) -> int:
    """How many of `most` the proposer may have taken in an hour, his own included; what is kept is rounded up."""
    return most - kept(target.limits.past.reserve, most) if is_kept_from(view, target) else most


def units(view: View, target: Target, most: float) -> float:
    """The same of a travel, in its unit."""
    return most * (1 - target.limits.past.reserve) if is_kept_from(view, target) else most


def words(target: Target, granted: float, most: float) -> str:
    """The limit, and for whom the rest is kept."""
    if granted == most:
        return f"{most:g}"
    who = " and ".join(("persons", *(f"`{n}`" for n in target.limits.past.reserved_for)))
    return f"{granted:g}: of {most:g} the rest is kept for {who}"
