"""Gate 2: every model artefact in. `gate.py` is the way through."""
