"""A policy for plants that are played thousands of times: each question is asked once."""

from functools import lru_cache

from twinvouch.adapters.cedar import default_policy
from twinvouch.core.ports import Policy, PolicyAnswer, PolicyRequest


class AskedOnce:
    """The default policy, each question asked once: its answer depends on nothing else."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._answers: dict[object, PolicyAnswer] = {}

    @property
    def digest(self) -> bytes:
        """As of the policy."""
        return self._policy.digest

    def decide(self, request: PolicyRequest) -> PolicyAnswer:
        """As the policy does."""
        r = request
        parts = (frozenset(r.attributes.items()), frozenset(r.context.items()))
        key = (r.principal, r.principal_kind, r.roles, r.action, r.resource_type, r.resource, parts)
        if key not in self._answers:
            self._answers[key] = self._policy.decide(request)
        return self._answers[key]


@lru_cache(maxsize=1)
def policy() -> AskedOnce:
    """The default policy, shared by all plants of a process."""
    return AskedOnce(default_policy())
