"""A running dlrhub with one provider that fails, for the tests of its page."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import orjson
import pytest

from tests.ingest.page.browsing import browser, open_page
from tests.ingest.query.fixtures import writable_server
from tests.program.running import Program

__all__ = ["browser", "open_page", "writable_server"]

#: The numbers that are posted: none of them may be seen anywhere.
NUMBERS: Final = ("13800138", "7911123456", "18618612345", "689837455")
#: A hostile body.
HOSTILE: Final = (
    b"<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\xe2\x80\xae+44 7911 123456"
)
_FAILED: Final = 700
_DELIVERED: Final = 600


def juhe_report(index: int, stat: str) -> dict[str, object]:
    """Write one report of Juhe's, to a number of its own."""
    at = datetime.fromtimestamp(time.time() + 8 * 3600 - 30, UTC)
    return {
        "flag": 1,
        "mid": f"4C3665{index:010X}",
        "spid": "922011",
        "mobile": f"13800138{index % 1000:03d}",
        "stat": stat,
        "time": f"{at:%Y-%m-%d %H:%M:%S}",
    }


def _post_traffic(program: Program) -> None:
    reports = [juhe_report(index, "MA:0001" if index < _FAILED else "DELIVRD") for index in range(_FAILED + _DELIVERED)]
    reports += [juhe_report(5000 + index, "MK:0001") for index in range(12)]
    batches = [reports[start : start + 100] for start in range(0, len(reports), 100)]
    posted = [program.callback("juhe", orjson.dumps(batch)) for batch in batches]
    posted += [program.callback("juhe", orjson.dumps(batches[0]))]  # again, as providers do: it counts once
    posted += [
        program.callback(f"santo?msgid=m{index}&da=861861861{index:04d}&dc=15&rsm=m{index}|0|DELIVRD||")
        for index in range(60)
    ]
    assert {status for status, _ in posted} == {200}
    assert program.callback("juhe", HOSTILE)[0] == 400
    assert program.callback("juhe", HOSTILE)[0] == 400
    unread = {"flag": 1, "mid": "4C36", "mobile": "18618612345", "note": "call 0689-83 74 55 9"}
    assert program.callback("juhe", orjson.dumps([unread]))[0] == 400
    assert program.callback("cm?REFERENCE=r&GSM=%2B%34%34%37%39%31%31%31%32%33%34%35%36&STATUS=")[0] in {200, 400}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Run everything, embedded; of Juhe's reports more than half are failures."""
    with Program(tmp_path_factory.mktemp("page")) as running:
        _post_traffic(running)
        deadline = time.monotonic() + 20
        while (
            running.ask("SELECT count() AS n FROM reports")[0]["n"] < _FAILED + _DELIVERED + 72
            or running.ask("SELECT count() AS n FROM dead_letters")[0]["n"] < 2
        ):
            assert time.monotonic() < deadline, running.log.read_text()
            time.sleep(0.1)
        yield running
