"""
The code tables twice: as the program has them, and as they were copied out of the documents by another hand.

`tests/codes/<provider>.csv` holds a provider's codes, `<provider>-errors.csv` the error codes that give a reason alone.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from normalizers import PROVIDERS
from normalizers.model import Code, CodeTable, Reason, Status

FOLDER: Final = Path(__file__).parent.parent / "codes"

Rows: TypeAlias = Mapping[str, Code]


def tables() -> dict[str, CodeTable]:
    """Return the program's tables by the name of their csv."""
    found = {name: provider.codes for name, provider in PROVIDERS.items()}
    return found | {f"{name}-errors": each.reasons for name, each in PROVIDERS.items() if each.reasons is not None}


def transcribed(name: str) -> Rows:
    """Return a csv's rows; where it has no statuses, its codes say nothing of them."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: _code(row) for row in csv.DictReader(file)}


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
