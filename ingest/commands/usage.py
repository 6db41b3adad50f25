"""What is raised where a command line can't be followed."""


class UsageError(Exception):
    """The command line asks for something that can't be done; the text says what can."""
