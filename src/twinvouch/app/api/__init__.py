"""The HTTP API: thin routes that turn requests into events and effects into answers."""
