"""
The errors of dlrhub's own side.

    SinkError                   a record could not be kept
    ├── BusyError               not now, but the same attempt may work later (answered `busy`)
    │   └── BatchTooLargeError  not in one piece, but fewer rows at once may work
    └── RefusedError            never: the same record will be refused again
"""


class SinkError(Exception):
    """A record could not be kept."""


class BusyError(SinkError):
    """The stream or the store can't take records now; the same append or insert may work later."""


class BatchTooLargeError(BusyError):
    """The store ran out of time or memory, or into a limit, with this many rows; the drain halves the batch."""


class RefusedError(SinkError):
    """The stream or the store will never take this record, or Kafka's settings have to be changed first."""
