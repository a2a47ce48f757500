"""Measurements of hot paths, each against a named baseline in the same run: ratios, not promises."""
