"""The error for a command line that can't be followed."""


class UsageError(Exception):
    """The command line asks for something that can't be done; the text says what can."""
