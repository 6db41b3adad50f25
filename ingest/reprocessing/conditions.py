"""Writes the SQL conditions for the rows that are read again, and the parameters that are bound in them."""

from collections.abc import Mapping
from datetime import UTC, datetime


def matching(
    texts: Mapping[str, str], column: str, since: datetime | None, until: datetime | None
) -> tuple[list[str], dict[str, str | int]]:
    """
    Return conditions that all have to hold, and their parameters.

    The columns named in `texts` equal these texts, unless they are empty; `since` <= `column` < `until`.
    """
    found = [f"{name} = {{{name}:String}}" for name, text in texts.items() if text]
    parameters: dict[str, str | int] = {name: text for name, text in texts.items() if text}
    for name, sign, at in (("since", ">=", since), ("until", "<", until)):
        if at is not None:
            found.append(f"{column} {sign} {{{name}:DateTime64(6, 'UTC')}}")
            parameters[name] = time_text(at)
    return found or ["true"], parameters


def time_text(at: datetime) -> str:
    """Return a time as a parameter of the type DateTime64(6, 'UTC')."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
