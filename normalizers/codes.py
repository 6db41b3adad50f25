"""The meaning of a provider's code: looked up in the operator's settings, the provider's tables and SMPP's words."""

from dataclasses import replace
from typing import Final, NamedTuple

from normalizers.model import Code, CodeSource, CodeTable, Status
from normalizers.smpp import MESSAGE_STATES


class CodeMeaning(NamedTuple):
    """A code's meaning and the table it was found in; `code` is None if it is in no table."""

    code: Code | None
    source: CodeSource


UNMAPPED: Final = CodeMeaning(None, CodeSource.NONE)


def refine(
    meaning: CodeMeaning, error_code: str, table: CodeTable, added: CodeTable | None
) -> tuple[CodeMeaning, bool]:
    """
    Return the meaning of a status together with an error code, and whether one of the two is in no table.

    The error code gives a failure its reason; it is ignored if the message was delivered.
    """
    code, source = meaning
    if not error_code or (code is not None and code.status is Status.DELIVERED):
        return meaning, code is None
    error, error_source = find_meaning(error_code, table, added)
    if error is None:
        return meaning, code is None or code.status.failed
    if code is None:
        return CodeMeaning(error, error_source), True
    source = CodeSource.SETTINGS if CodeSource.SETTINGS in {source, error_source} else source
    return CodeMeaning(replace(code, reason=error.reason), source), False


def find_meaning(code: str, table: CodeTable, added: CodeTable | None, state: str = "") -> CodeMeaning:
    """
    Look a code up in the table that the operator `added` in the settings, then in the provider's own.

    If neither has it, `state` is looked up among SMPP's message states, unless it is empty.
    """
    if added is not None:
        found = added.find(code)
        if found is not None:
            return CodeMeaning(found, CodeSource.SETTINGS)
    found = table.find(code)
    if found is not None:
        return CodeMeaning(found, CodeSource.DOCUMENT)
    found = MESSAGE_STATES.find(state) if state else None
    return UNMAPPED if found is None else CodeMeaning(found, CodeSource.SMPP)
