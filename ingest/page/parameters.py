"""The parameters of the page's requests; a bad one is answered with 400 and its name."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints

from ingest.page.period import Period
from ingest.page.queries import RANGES
from normalizers.errors import Fault

_Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_LetterId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
#: The `next` of an answer: microseconds since 1970, and the id of a letter.
_Position: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}-[0-9a-f]{32}$")]


class _Parameters(BaseModel):
    model_config = ConfigDict(frozen=True)  # hashable: a cached answer has its parameters as the key


class RangeParameters(_Parameters):
    """A range of time up to now."""

    range: Annotated[str, StringConstraints(pattern=f"^({'|'.join(RANGES)})$")] = "1h"

    @property
    def period(self) -> Period:
        """The range that ends now."""
        return Period.now(self.range)


class AccountParameters(RangeParameters):
    """One account."""

    provider: _Name
    account: _Name


class LettersParameters(RangeParameters):
    """The dead letters that match all fields that are set."""

    provider: _Name | None = None
    account: _Name | None = None
    why: Fault | None = None
    after: _Position | None = None


class LetterParameters(_Parameters):
    """One dead letter."""

    id: _LetterId


class MessageParameters(_Parameters):
    """The message of a report; `report` is the time of its receipt in microseconds, and its event_id."""

    report: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class SearchParameters(_Parameters):
    """A search for a number, a message id or a reference."""

    what: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]


class QuestionParameters(RangeParameters):
    """A saved question."""

    name: str
