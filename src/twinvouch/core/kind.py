"""Numbers for every signed or stored thing: each starts with `[version, kind, plant, ...]`.

A number is never reused. What a reader does not know it verifies and shows as unknown.
"""

from enum import IntEnum

VERSION = 1


class Kind(IntEnum):
    """The second element of every signed content (below 64) and of every ledger entry (from 64)."""

    BATCH = 1  # readings of one scan group, columnar
    BATCH_SENML = 2  # the same, payload SenML-CBOR (RFC 8428)
    COMMAND = 3
    STATEMENT = 4
    PERMIT = 5
    OUTCOME = 6
    MANIFEST = 7
    KEY = 8  # the root about one key
    ROOT = 9  # the root hands over
    CONFIG = 10  # a person signs the safety part of a configuration
    SOURCE_REPORT = 12  # what an edge has to tell of its sources, in the chain of its batches
    BATCH_CHANGES = 13  # readings of one group by exception, one by one
    GENESIS = 11  # a new chain of an edge that lost its spool
    ADVICE = 14  # a recommendation to people
    DISAVOWAL = 16  # a person says that a source was bad for a past time
    MODE = 19  # the core tells the actuator process of an asset's mode
    PROXY_SCAN = 20  # the actuator tells what its guard proxy refused
    RECEIPT = 15  # entries with their proofs, and what opens them

    ENTRY_START = 64  # the engine began: digests of configuration and policy, build
    ENTRY_BATCH = 65
    ENTRY_REFUSED = 66  # refused, or came again: aggregated counts of one sender
    ENTRY_COMMAND = 67
    ENTRY_DECISION = 68
    ENTRY_PERMIT = 69
    ENTRY_OUTCOME = 70
    ENTRY_STATEMENT = 71
    ENTRY_QUERY = 72
    ENTRY_MODEL = 73
    ENTRY_FINDING = 74  # findings that belong to no batch: silence, chain, unresolved permits
    ENTRY_KEY = 75  # a key statement, whole
    ENTRY_CONFIG = 76  # a person signed the configuration
    ENTRY_STRANGERS = 77  # refused before anybody was known to have sent it: counts of a minute
    ENTRY_GENESIS = 78
    ENTRY_CLOCK = 79  # the core's wall clock was set
    ENTRY_EPOCH = 80  # a backup was restored: origin, size and root of the log it continues
    ENTRY_DISK = 81  # the core's disk is full, or has room again
    ENTRY_DISAVOWAL = 82  # a person said that a source was bad for a past time
    ENTRY_DISAVOWED = 84  # how a disavowal stands: what it touches, and each change
    ENTRY_ADVICE = 83  # a recommendation, and every change of how it is shown
    ENTRY_VIRTUAL = 85  # an estimate stands in for a tag, ends, or has gone blind
    ENTRY_REWIND = 86  # a rewind of another log departs from it here, or ends
    ENTRY_MODE = 87  # an asset's mode changed
    ENTRY_GLASS = 88  # break-glass was opened, closed or ended
    ENTRY_HISTORY = 90  # chunks of the history were written or purged, or a day was shredded


class Purpose:
    """The second half of the external_aad of a signature: a batch can never pass as a permit."""

    READINGS = "readings"
    COMMAND = "command"
    ADVICE = "advice"
    STATEMENT = "statement"
    PERMIT = "permit"
    OUTCOME = "outcome"
    MODEL = "model"
    KEY = "key"
    CONFIG = "config"
    BACKUP = "backup"
