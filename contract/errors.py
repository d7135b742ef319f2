"""The one ancestor of everything that can go wrong for a user and that a user can mend."""


class EarshotError(ValueError):
    """Its message is for a person: what is wrong, where, and what to do. Shown without a stack trace."""
