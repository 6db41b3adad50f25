"""The process that has the embedded engine keeps to the memory that the settings give it."""

import subprocess
import sys
from pathlib import Path

from sinks.clickhouse.memory import DEFAULT_MB, LEAST_MB, engine_options, query_bytes

#: Asks for several GB with no limit of the query's own, then prints the error's code and the highest resident memory in MB.
_GREEDY = """
import re, sys
from pathlib import Path
from clickhouse_connect.driver.exceptions import ClickHouseError
from sinks.clickhouse.store import open_embedded

store = open_embedded(Path(sys.argv[1]), memory_mb=int(sys.argv[2]))
try:
    longs = "SELECT concat(repeat('x', 500), toString(number)) AS long FROM numbers(100000000)"
    store.client.command(f"SELECT length(groupArray(long)) FROM ({longs}) SETTINGS max_memory_usage = 0")
except ClickHouseError as error:
    print(error.name)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_no_query_takes_the_process_beyond_its_memory(tmp_path: Path) -> None:
    """A query without any limit of its own is refused before the process has more resident memory than the setting."""
    command = [sys.executable, "-c", _GREEDY, str(tmp_path), str(LEAST_MB)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    name, highest = done.stdout.split()
    assert name == "MEMORY_LIMIT_EXCEEDED"
    assert int(highest) < LEAST_MB


def test_queries_leave_memory_to_inserts() -> None:
    """Queries may take less than the engine may, and the least setting leaves them enough for one at a time."""
    for memory_mb in (LEAST_MB, DEFAULT_MB):
        assert query_bytes(memory_mb) < engine_options(memory_mb)["max_server_memory_usage"]
    assert query_bytes(LEAST_MB) >= 256 * 1024**2
