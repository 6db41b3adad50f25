"""
The code tables twice: as the program has them, and as they were copied out of the documents by another hand.

`<provider>.csv` holds a provider's codes (code, status, reason, meaning), `<provider>-errors.csv` the error codes that
give a reason alone.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from normalizers.model import Code, CodeTable, Reason, Status
from normalizers.provider import Provider

Rows: TypeAlias = Mapping[str, Code]


def tables(provider: Provider) -> dict[str, CodeTable]:
    """Return a provider's tables by the name of their csv."""
    errors = {} if provider.reasons is None else {f"{provider.name}-errors": provider.reasons}
    return {provider.name: provider.codes} | errors


def transcribed(file: Path) -> Rows:
    """Return a csv's rows; where it has no statuses, its codes say nothing of them."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: _code(row) for row in csv.DictReader(lines)}


def _code(row: Mapping[str, str]) -> Code:
    reason = row["reason"]
    return Code(Status(row.get("status", "unknown")), Reason(reason) if reason else None, row["meaning"])


def differences(ours: Rows, theirs: Rows) -> list[str]:
    """Return the codes that are in one table alone, or mean something else in the other."""
    return sorted(code for code in ours.keys() | theirs.keys() if ours.get(code) != theirs.get(code))


def mutants(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Return the table with every row changed in every way, one at a time: what was changed, and the table."""
    for key, code in rows.items():
        others = {other: row for other, row in rows.items() if other != key}
        yield f"{key} removed", others
        yield f"{key} renamed", {**others, f"{key}0": code}
        for status in set(Status) - {code.status}:
            yield f"{key} is {status}", {**others, key: replace(code, status=status)}
        for reason in {None, *Reason} - {code.reason}:
            yield f"{key} because {reason}", {**others, key: replace(code, reason=reason)}
        yield f"{key} means nothing", {**others, key: replace(code, meaning="")}
    yield "a row more", {**rows, "": Code(Status.DELIVERED, None, "")}


def survivors(rows: Rows, notices: Callable[[Rows], object]) -> list[str]:
    """Return the changes that a comparison does not notice."""
    return [change for change, mutant in mutants(rows) if not notices(mutant)]
