"""Verifies ledgers offline. Stands alone: stdlib and one crypto library, nothing of twinvouch.

`verify(directory, key, root) -> Report` reads files only; `python -m twinvouch.verifier DIR --key K`
prints the report and exits 1 where something does not fit. Copy this folder to audit elsewhere.
"""

from twinvouch.verifier.keys import RootTextError
from twinvouch.verifier.ledger import verify
from twinvouch.verifier.note import KeyTextError, key_text
from twinvouch.verifier.report import Fault, Report, as_plain, as_text
from twinvouch.verifier.witnesses import Policy, witness_policy

__all__ = [
    "Fault",
    "KeyTextError",
    "Policy",
    "Report",
    "RootTextError",
    "as_plain",
    "as_text",
    "key_text",
    "verify",
    "witness_policy",
]
