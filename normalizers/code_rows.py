"""The code tables as rows, for `dlr.codes` and `dlrhub codes`; and the codes of a report that are in no table."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from normalizers.model import Account, CodeSource, CodeTable
from normalizers.provider import Provider
from normalizers.smpp import MESSAGE_STATES

STATUS_KIND: Final = "status"
ERROR_KIND: Final = "error"


class CodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """
    The meaning of one code. The fields are the columns of `dlr.codes`.

    `account` is empty if the code holds for every account. `kind` is `error` for a code that gives a reason alone (CM),
    else `status`. `code` is spelled as in the document, a family of codes as `MO:NNNN` or `MK:*`. `persistence` says
    whether sending again can help. `meaning` is in the words of `document`, `english` in English.
    """

    provider: str
    account: str
    kind: str
    code: str
    status: str
    reason: str
    persistence: str
    meaning: str
    english: str
    source: CodeSource
    document: str


def code_rows(provider: Provider, accounts: Iterable[Account]) -> Iterator[CodeRow]:
    """Yield every code of a provider: its document's, SMPP's if it uses those, and those that its accounts add."""
    yield from _rows(provider.name, provider.codes, CodeSource.DOCUMENT)
    if provider.reasons is not None:
        yield from _rows(provider.name, provider.reasons, CodeSource.DOCUMENT, kind=ERROR_KIND)
    if provider.speaks_smpp:
        known = provider.codes.exact
        others = {word: code for word, code in MESSAGE_STATES.exact.items() if word not in known}
        table = CodeTable(others, document=MESSAGE_STATES.document)
        yield from _rows(provider.name, table, CodeSource.SMPP)
    for account in accounts:
        for kind, added in ((STATUS_KIND, account.codes), (ERROR_KIND, account.reasons)):
            if added is not None:
                yield from _rows(provider.name, added, CodeSource.SETTINGS, kind=kind, account=account.name)


def all_code_rows(providers: Mapping[str, Provider], accounts: Iterable[tuple[str, Account]]) -> list[CodeRow]:
    """Return the codes of all providers; `accounts` come with their provider's name."""
    known = list(accounts)
    return [
        row
        for name, provider in providers.items()
        for row in code_rows(provider, [account for owner, account in known if owner == name])
    ]


def _rows(
    provider: str, table: CodeTable, source: CodeSource, *, kind: str = STATUS_KIND, account: str = ""
) -> Iterator[CodeRow]:
    for written, code in table.rows().items():
        yield CodeRow(
            provider=provider,
            account=account,
            kind=kind,
            code=written,
            status="" if kind == ERROR_KIND else code.status,
            reason=code.reason or "",
            persistence=code.reason.persistence if code.reason else "",
            meaning=code.meaning,
            english=code.english or code.meaning,
            source=source,
            document=table.document,
        )


def missing_codes(provider: Provider, account: Account, status: str, code: str) -> Iterator[tuple[str, str]]:
    """Yield kind and code for each code of an unmapped report that is in no table of the provider or the settings."""
    written = provider.code_of(status, code)
    if not _is_known(written, provider.codes, account.codes):
        yield STATUS_KIND, written
    elif provider.reasons is not None and code and not _is_known(code, provider.reasons, account.reasons):
        yield ERROR_KIND, code


def _is_known(code: str, *tables: CodeTable | None) -> bool:
    return any(table is not None and table.find(code) is not None for table in tables)
