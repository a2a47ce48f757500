"""The exceptions of twinvouch: each means misuse or an outside failure, never hostile plant data.

Hostile readings become Findings and refused commands become Decisions; only what a person or a
program got wrong is raised. A message says what, where, what was expected, what came and what to do.
"""


class TwinvouchError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 70


class ConfigError(TwinvouchError):
    """A configuration that cannot be used: `file:line:column: what, expected, got`."""

    exit_code = 3


class UsageError(TwinvouchError):
    """A call that cannot be carried out as it was made."""

    exit_code = 2


class NotPermittedError(TwinvouchError):
    """Missing or refused credentials."""

    exit_code = 4


class UnavailableError(TwinvouchError):
    """Something outside did not answer or is full; trying again later may work."""

    exit_code = 5


class GoneError(UnavailableError):
    """What was there when it was looked up is gone: retention took it meanwhile. Looking again works."""


class FullError(UnavailableError):
    """No room on the disk for this; what else may come is in the reserve. Trying again later may work."""


class MalformedError(TwinvouchError):
    """Bytes that are not what the format demands; the message names the offset and the expectation."""

    exit_code = 1


class SignatureError(TwinvouchError):
    """A signature, key or purpose that does not fit the bytes."""

    exit_code = 1


class CorruptError(TwinvouchError):
    """Stored data that contradicts itself; the message names the place."""

    exit_code = 1


class TwoHistoriesError(TwinvouchError):
    """A log has signed two heads that contradict each other; the evidence lies in a file."""

    exit_code = 6
