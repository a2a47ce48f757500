"""Gate 1: every reading in. `gate.py` is the way through; one rule a file."""
