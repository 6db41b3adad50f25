"""
Settings that add codes: the operator gives the meaning of codes that are not in the provider's document.

They take precedence over the provider's own table. A key is the code as it is in the reports, in any case; `MK:*` is
every code that begins with `MK:`. A key that begins with `error:` is one of CM's error codes, which only have a reason.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import Field

from ingest.settings.errors import SettingError
from ingest.settings.section import Section
from normalizers import PROVIDERS
from normalizers.model import Code, CodeTable, Reason, Status
from normalizers.provider import Provider

ERROR_PREFIX: Final = "ERROR:"
_ANY: Final = "*"


class CodeSettings(Section):
    """The meaning of one code."""

    status: Status | None = None
    reason: Reason | None = None
    meaning: str = ""


#: Settings of codes, by code.
AddedCodes = Mapping[str, CodeSettings]


class ProviderSettings(Section):
    """Settings of all accounts at one provider."""

    codes: dict[str, CodeSettings] = Field(default_factory=dict)


def check_providers(providers: Mapping[str, ProviderSettings]) -> None:
    """Raise `SettingError` if there is no such provider, or one of its codes can't be used."""
    for name, configured in providers.items():
        if name not in PROVIDERS:
            raise SettingError(f"providers.{name}", f"no such provider; there are {', '.join(PROVIDERS)}")
        check_codes(PROVIDERS[name], configured.codes, f"providers.{name}.codes")


def check_codes(provider: Provider, codes: AddedCodes, key: str = "codes") -> None:
    """Raise `SettingError` if a code can't be used; `key` is the setting's name."""
    seen = set()
    for code, meaning in codes.items():
        spelled = _spelled(code)
        words = "is given twice, in another case" if spelled in seen else _fault(provider, spelled, meaning)
        if words:
            raise SettingError(key, f'"{code}" {words}')
        seen.add(spelled)


def _fault(provider: Provider, code: str, meaning: CodeSettings) -> str:
    """Return the fault of a code, in words, or an empty text."""
    if code in {"", ERROR_PREFIX}:
        return "is no code"
    if _ANY in code[:-1]:
        return f'has "{_ANY}" inside: it stands for any rest, at the end only'
    if code.startswith(ERROR_PREFIX):
        return _fault_of_error(provider, meaning)
    if "|" in provider.code_form and "|" not in code and not code.startswith("POLL:"):
        return f"is never found: write {provider.name}'s codes as {provider.code_form}"
    return _fault_of_status(meaning)


def _fault_of_status(meaning: CodeSettings) -> str:
    if meaning.status is None:
        return f"needs a status: one of {', '.join(Status)}"
    if meaning.reason is not None and not meaning.status.failed:
        return f"has a reason, and status {meaning.status} is no failure"
    return ""


def _fault_of_error(provider: Provider, meaning: CodeSettings) -> str:
    if provider.reasons is None:
        return f"is no code of {provider.name}, which has no error codes beside its statuses"
    if meaning.status is not None:
        return "has a status, and an error code gives a reason alone"
    return "" if meaning.reason else f"needs a reason: one of {', '.join(Reason)}"


def open_codes(given: Iterable[AddedCodes]) -> tuple[CodeTable | None, CodeTable | None]:
    """Return the table of added codes, and that of added error codes; if a code is given twice, the last one counts."""
    rows = {_spelled(code): meaning for codes in given for code, meaning in codes.items()}
    errors = {code.removeprefix(ERROR_PREFIX): row for code, row in rows.items() if code.startswith(ERROR_PREFIX)}
    return _table({code: row for code, row in rows.items() if not code.startswith(ERROR_PREFIX)}), _table(errors)


def _table(rows: AddedCodes) -> CodeTable | None:
    if not rows:
        return None
    codes = {code: _code(meaning) for code, meaning in rows.items()}
    families = sorted((code for code in codes if code.endswith(_ANY)), key=len, reverse=True)
    return CodeTable(
        {code: meaning for code, meaning in codes.items() if code not in families},
        patterns=[(code, re.compile(f"{re.escape(code[:-1])}.*", re.DOTALL), codes[code]) for code in families],
        document="the settings",
    )


def _code(meaning: CodeSettings) -> Code:
    status = meaning.status or Status.UNKNOWN
    reason = Reason.UNKNOWN if meaning.reason is None and status.failed else meaning.reason
    return Code(status, reason, meaning.meaning)


def _spelled(code: str) -> str:
    return code.strip().upper()
