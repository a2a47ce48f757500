"""Gate 4: every command to the plant. `gate.py` is the way through; one stage a file."""
