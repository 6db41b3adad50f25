"""Posts the same reports to a program under wrong or right settings, and reads back what it has stored."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from tests.program.running import Ask, Program

Rows: TypeAlias = list[dict[str, Any]]

#: The operator's codes: the right one, and a wrong meaning of it together with a row that should not be there.
_RIGHT = '[providers.juhe.codes]\n"MK:0004" = { status = "undeliverable", reason = "network_error" }\n'
_WRONG = (
    '[providers.juhe.codes]\n"MK:0004" = { status = "rejected", reason = "content_rejected" }\n'
    '[providers.santo.codes]\n"400|404" = { status = "delivered" }\n'
)
#: The names that the customer gave CM's parameters; without this setting, callbacks by GET can't be read.
_FIELDS = 'fields = { STATUS = "state", GSM = "to", REFERENCE = "ref" }\n'
_ARRAY = 100
#: Each callback is received in another millisecond.
_MOMENT_SECONDS = 0.002


def wrong_settings() -> str:
    """Return settings with the wrong codes, and without the names of CM's parameters."""
    return _accounts("") + _WRONG


def right_settings() -> str:
    """Return settings with the right code and the names of CM's parameters."""
    return _accounts(_FIELDS) + _RIGHT


def _accounts(fields: str) -> str:
    """Return two accounts of each provider: `history` for these reports, `default` for other traffic."""
    return "".join(
        f'[[accounts]]\nprovider = "{provider}"\nname = "{name}"\nopen = true\n{fields if provider == "cm" else ""}'
        for name in ("default", "history")
        for provider in ("cloudsms", "cm", "juhe", "santo")
    )


def made(folder: Path, settings: str) -> Program:
    """Return a program in a new folder with these settings."""
    program = Program(folder)
    set_up(program, settings)
    return program


def set_up(program: Program, settings: str) -> None:
    """Write a program's settings."""
    (program.folder / "dlrhub.toml").write_text(settings)


def copied(program: Program, folder: Path) -> Program:
    """Return a program with a copy of another's settings and data."""
    shutil.copytree(program.folder, folder, symlinks=True)
    return Program(folder)


def post_history(program: Program, reports: int) -> None:
    """Post submissions, `reports` reports, and some of them twice."""
    _submit(program, reports)
    for path, body in _callbacks(reports):
        time.sleep(_MOMENT_SECONDS)
        assert program.callback(path, body)[0] == 200


def unread(letters: int) -> list[str]:
    """Return callbacks that can be read only under the right settings."""
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
        for state in ("400|404", "500|501"):  # without a time, so that the later receipt decides
            yield f"santo/history?msgid=s{first}&da=86139{first:08d}&rsm=s{first}|{state}", None


def _juhe(number: int) -> Mapping[str, Any]:
    """Return a report; every seventh contradicts the one before, about the same message."""
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
    """Submit some of the messages, so that they have a latency."""
    submissions = [
        {
            "provider": "juhe", "account": "history", "message_id": f"m{number}", "recipient": f"138{number:08d}",
            "submitted_at": "2026-10-31T00:00:00Z", "tags": {"campaign": str(number % 3)},
        }
        for number in range(0, reports, 50)
    ]  # fmt: skip
    assert program.post(program.admin, "/submissions", orjson.dumps(submissions))[0] == 202


def stored(ask: Ask, *, without_clocks: bool = False) -> dict[str, Rows]:
    """Return every row of the history; `without_clocks`, also of `revision`, so that two runs can be compared."""
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
