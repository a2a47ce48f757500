"""twinvouch: the security layer that everything entering or leaving a digital twin passes through."""

__version__ = "0.1.0"
