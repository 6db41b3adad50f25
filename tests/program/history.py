"""A history of reports for a running program: the same one each time, under settings with a wrong row or without."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from sinks.journal.consumer import lag
from tests.program.running import Ask, Program

Rows: TypeAlias = list[dict[str, Any]]

#: The operator's meaning of a code that Juhe's document lacks; and the same with a wrong row, and a row that should not be.
_RIGHT = '[providers.juhe.codes]\n"MK:0004" = { status = "undeliverable", reason = "network_error" }\n'
_WRONG = (
    '[providers.juhe.codes]\n"MK:0004" = { status = "rejected", reason = "content_rejected" }\n'
    '[providers.santo.codes]\n"400|404" = { status = "delivered" }\n'
)
#: The names that the customer gave CM's parameters, without which callbacks by GET can't be read.
_FIELDS = 'fields = { STATUS = "state", GSM = "to", REFERENCE = "ref" }\n'
_ARRAY = 100
#: Receipts are compared by the millisecond.
_MOMENT_SECONDS = 0.002
_WAIT_SECONDS = 120


def wrong_settings() -> str:
    """Return settings with wrong rows, and without the names of CM's parameters."""
    return _accounts("") + _WRONG


def right_settings() -> str:
    """Return the mended settings."""
    return _accounts(_FIELDS) + _RIGHT


def _accounts(fields: str) -> str:
    """Return the settings of two accounts a provider: the history goes to `history`, other traffic to `default`."""
    return "".join(
        f'[[accounts]]\nprovider = "{provider}"\nname = "{name}"\nopen = true\n{fields if provider == "cm" else ""}'
        for name in ("default", "history")
        for provider in ("cloudsms", "cm", "juhe", "santo")
    )


def made(folder: Path, settings: str) -> Program:
    """Return a program in a new folder with these settings."""
    folder.mkdir()
    program = Program(folder)
    set_up(program, settings)
    return program


def set_up(program: Program, settings: str) -> None:
    """Write the settings of a program that does not run."""
    (program.folder / "dlrhub.toml").write_text(settings)


def copied(program: Program, folder: Path) -> Program:
    """Return another program with the settings and the data of one that does not run."""
    shutil.copytree(program.folder, folder, symlinks=True)
    return Program(folder)


def post_history(program: Program, reports: int) -> None:
    """Post submissions, so many reports, and copies of some, which are all acknowledged."""
    _submit(program, reports)
    for path, body in _callbacks(reports):
        time.sleep(_MOMENT_SECONDS)
        assert program.callback(path, body)[0] == 200


def unread(letters: int) -> list[str]:
    """Return callbacks that can't be read unless CM's parameters have the names that the customer gave them."""
    return [f"cm/history?state=2&to=%2B4478{number:08d}&ref=l{number}" for number in range(letters)]


def post_unread(program: Program, letters: int) -> None:
    """Post callbacks that can't be read under the wrong settings."""
    for path in unread(letters):
        assert program.callback(path)[0] == 400


def _callbacks(reports: int) -> Iterator[tuple[str, bytes | None]]:
    for first in range(0, reports, _ARRAY):
        juhe = orjson.dumps([_juhe(number) for number in range(first, first + _ARRAY - 3)])
        yield "juhe/history", juhe
        if first % (10 * _ARRAY) == 0:
            yield "juhe/history", juhe  # a retry
        yield "cm/history", _cm(first)
        for state in ("400|404", "500|501"):  # without a time, so that the one that is received later decides
            yield f"santo/history?msgid=s{first}&da=86139{first:08d}&rsm=s{first}|{state}", None


def _juhe(number: int) -> Mapping[str, Any]:
    """Return a report; one in seven is the second one on its message, and contradicts the first."""
    message = number - 1 if number % 7 == 1 else number
    return {
        "flag": 1, "mid": f"m{message}", "mobile": f"138{message:08d}", "stat": "DELIVRD" if number % 2 else "MK:0004",
        "time": f"2026-11-{1 + number % 20:02d} 12:00:{number % 60:02d}",
    }  # fmt: skip


def _cm(number: int) -> bytes:
    status = {"code": "3", "errorCode": "5", "errorDescription": "absent"}
    item = {"received": "2026-11-20T10:00:00", "to": f"+4477{number:08d}", "reference": f"c{number}", "status": status}
    return orjson.dumps({"messages": {"msg": item}})


def _submit(program: Program, reports: int) -> None:
    """Tell of some of the messages, so that they have a latency."""
    submissions = [
        {
            "provider": "juhe", "account": "history", "message_id": f"m{number}", "recipient": f"138{number:08d}",
            "submitted_at": "2026-10-31T00:00:00Z", "tags": {"campaign": str(number % 3)},
        }
        for number in range(0, reports, 50)
    ]  # fmt: skip
    assert program.post(program.admin, "/submissions", orjson.dumps(submissions))[0] == 202


def wait_until_drained(program: Program) -> None:
    """Return once the store has all that was acknowledged."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while lag(program.folder / "dlrhub-data" / "journal"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stored(ask: Ask, *, without_clocks: bool = False) -> dict[str, Rows]:
    """Return every row of the history; without the columns of receipts, which two runs can't share, and `revision`."""
    left_out = {
        "reports": "received_at, revision",
        "messages": "first_received_at, last_received_at",
        "submissions": "received_at",
    }
    rows = {}
    for view, columns in left_out.items():
        wanted = f"* EXCEPT ({columns})" if without_clocks else "*"
        rows[view] = ask(f"SELECT {wanted} FROM {view} WHERE account = 'history' ORDER BY ALL")
    minute = "" if without_clocks else "minute, "
    rows["stats"] = ask(
        f"SELECT {minute}provider, account, country, status, reason, sum(reports) AS reports FROM stats"
        " WHERE account = 'history' GROUP BY ALL ORDER BY ALL"
    )
    return rows
