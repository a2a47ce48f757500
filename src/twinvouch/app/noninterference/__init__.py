"""NI-2 by twin runs: low-trust data may remove or delay a command, never create or change one.

Two event logs that differ only in what low-trust sources say go through the whole engine, and so does a third one in
which these sources say nothing. What is executed because of what they said would be executed with, and not without it.
"""
