"""The door of the room: what happens to files of registers."""

from .importing import check, load, start
from .receiving import choose_columns, discard, first_row, receive, sweep

__all__ = ["check", "choose_columns", "discard", "first_row", "load", "receive", "start", "sweep"]
