"""
The errors of dlrhub's own side.

    SinkError                   ours, not the provider's
    ├── BusyError               not now: nothing was kept, try again (answered `busy`)
    │   └── BatchTooLargeError  not in one piece: fewer records at once may work
    └── RefusedError            never: the same record will be refused again
"""


class SinkError(Exception):
    """A record could not be kept."""


class BusyError(SinkError):
    """Not now: nothing was kept, and the same append or insert may work later."""


class BatchTooLargeError(BusyError):
    """
    The store could not take this many rows in one piece: it ran out of time or memory, or into a limit.

    Fewer rows may work, so the drain halves the batch.
    """


class RefusedError(SinkError):
    """Never: the stream or the store will not take this record, however often it is tried."""
