"""
The errors of callbacks.

    CallbackError            the provider's side is at fault
    ├── MalformedError       the callback can't be read: kept as a dead letter, answered `malformed`
    └── ForbiddenError       the callback isn't authenticated: not kept, answered `forbidden`
"""

import traceback
from enum import StrEnum


class Fault(StrEnum):
    """Why something could not be read: the values of `why` in errors, dead letters and metrics."""

    EMPTY = "empty"
    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    #: Our own parser failed: the bytes are kept, and can be replayed after the parser is mended.
    PARSER_ERROR = "parser_error"
    #: ClickHouse refused the row.
    REFUSED_BY_STORE = "refused_by_store"


class CallbackError(Exception):
    """A callback that is refused because of its content."""


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
    """Describe a bug in our parser by type and place, without its text, which may hold a phone number."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return MalformedError(Fault.PARSER_ERROR, "$", f"{type(error).__name__} at {place.name}:{place.lineno}")


class ForbiddenError(CallbackError):
    """A callback without the secret that its account asks for."""
