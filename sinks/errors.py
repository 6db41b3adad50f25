"""
What can go wrong on our side.

    SinkError              ours, not the provider's
    ├── BusyError          not now: nothing was kept, try again (answered `busy`)
    └── RefusedError       never: the same record will be refused again
"""


class SinkError(Exception):
    """A record could not be kept."""


class BusyError(SinkError):
    """Not now: nothing was kept, and the same append or insert may work later."""


class RefusedError(SinkError):
    """Never: the stream or the store will not take this record, however often it is tried."""
