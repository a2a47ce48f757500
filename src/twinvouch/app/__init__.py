"""Configuration, wiring and the programs: run, edge, actuator, the command line and the API."""
