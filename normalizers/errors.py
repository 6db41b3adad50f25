"""
The errors of callbacks.

    CallbackError            the provider's side is at fault
    ├── MalformedError       it can't be read: kept as a dead letter, answered `malformed`
    └── ForbiddenError       it isn't authenticated: nothing is kept, answered `forbidden`
"""

import traceback
from enum import StrEnum


class Fault(StrEnum):
    """Why something could not be read: all values of every `why`."""

    EMPTY = "empty"
    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    #: Our own parser failed: the bytes are kept, to be replayed once it is mended.
    PARSER_ERROR = "parser_error"
    #: The store would not take the row that was made of it.
    REFUSED_BY_STORE = "refused_by_store"


class CallbackError(Exception):
    """A callback that can't be taken as it came."""


class MalformedError(CallbackError):
    """
    A callback, or one item of it, that can't be read.

    `where` is the path of the fault in the payload (`$[2].mid`, `query.STATUS`) and `detail` says what is wrong
    there; neither repeats the value, which may hold a phone number.
    """

    def __init__(self, why: Fault, where: str, detail: str) -> None:
        """Say what kind of fault it is, where it is, and what is wrong there."""
        super().__init__(f"{where}: {detail}")
        self.why = why
        self.where = where
        self.detail = detail


def parser_failure(error: Exception) -> MalformedError:
    """Describe a bug in a parser of ours by its type and place: its text may hold a phone number."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return MalformedError(Fault.PARSER_ERROR, "$", f"{type(error).__name__} at {place.name}:{place.lineno}")


class ForbiddenError(CallbackError):
    """A callback without the secret that its account asks for."""
