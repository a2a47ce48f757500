"""Coverage-guided fuzzing of every reader of outside bytes, with atheris (libFuzzer).

A target is a module of `targets` with `SEEDS`, valid inputs to begin with, and `one(raw)`, which raises where a
promise is broken. What was found interesting is kept in `corpus/NAME.hex`, one input a line; every test run
replays it. `./dev fuzz` looks for new ones.
"""
