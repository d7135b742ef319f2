"""The one ancestor of everything that can go wrong for a user and that a user can mend, and its mildest heir.

Also what a shell is told of an interruption, which is no error.
"""

EXIT_INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""


class EarshotError(ValueError):
    """Its message is for a person: what is wrong, where, and what to do. Shown without a stack trace."""


class UnavailableError(EarshotError):
    """An engine that a machine may do without: its library is not installed, or not made for its GPU."""
