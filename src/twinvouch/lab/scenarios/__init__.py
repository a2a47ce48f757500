"""Labelled scenarios on water networks: attacks, and changes that are none, from a seed."""
