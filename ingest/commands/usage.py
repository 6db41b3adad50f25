"""The error for a command line that can't be carried out."""


class UsageError(Exception):
    """The command line asks for something that can't be done; the text says what is possible."""
