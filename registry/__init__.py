"""The registry's side of the counter: who made what, what may be done with it, and who is owed for it."""

__version__ = "0.1.0"
