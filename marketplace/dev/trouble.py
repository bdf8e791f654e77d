"""What can go wrong on a developer's machine, as one sentence that a person can act on."""


class Trouble(Exception):
    """One clear sentence about the machine; `dev.py` prints it and fails, without a traceback."""
