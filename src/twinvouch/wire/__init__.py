"""Formats without I/O: bytes to values and back. Everything unverified is read by our own strict readers."""
