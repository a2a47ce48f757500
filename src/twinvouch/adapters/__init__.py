"""Thin I/O, one outside thing a file. The only place, with app and lab, that reads clocks or draws chance."""
