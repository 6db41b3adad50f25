"""If a ClickHouse server dies, the program uses the next one."""

from collections import Counter
from pathlib import Path

from tests.ingest.query.fixtures import QueryServer
from tests.program.running import Program, Server
from tests.program.test_combinations import LAST, READABLE, post_examples, wait_for
from tests.sinks.clickhouse.test_resend import ClosingProxy


def test_a_server_that_dies_is_replaced_by_the_next(tmp_path: Path, writable_server: QueryServer, name: str) -> None:
    """After the first server dies, reports go to the second, each is stored once, and the program stays ready."""
    server = Server(writable_server, name)
    first, second = ClosingProxy(writable_server.port), ClosingProxy(writable_server.port)
    url = f"http://127.0.0.1:{first.port},127.0.0.1:{second.port}"
    with Program(tmp_path, settings=server.settings | {"DLRHUB_CLICKHOUSE__URL": url}) as program:
        post_examples(program)
        wait_for(server.ask, Counter(READABLE))
        assert second.requests == 0
        first.kill()
        assert program.callback("juhe", LAST)[0] == 200
        wait_for(server.ask, Counter(READABLE) + Counter(last=2))
        assert second.requests > 0
        assert program.get(program.admin, "/readyz")[0] == 200
        assert program.stop() == 0
    second.close()
