"""Gate 3: every answer out. `gate.py` is the way through."""
