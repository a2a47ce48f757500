"""The built-in plant, its controller, the attacks and the demo. Needs the `[lab]` extra; never imported by a guarding process."""
