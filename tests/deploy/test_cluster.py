"""ClickHouse accepts `deploy/clickhouse/cluster.xml`."""

import os
import subprocess
import sys

from tests.deploy.files import DEPLOY

_ASK = """
import sys, chdb
engine = chdb.connect(f":memory:?config-file={sys.argv[1]}")
print(engine.query("SELECT shard_num, count() FROM system.clusters WHERE cluster = 'dlr' GROUP BY ALL ORDER BY ALL", "CSV"))
print(engine.query("SELECT getMacro('shard'), getMacro('replica')", "CSV"))
"""


def test_the_engine_reads_the_cluster() -> None:
    """The engine finds two shards of three replicas each, and the macros that the tables' paths need."""
    command = [sys.executable, "-c", _ASK, str(DEPLOY / "clickhouse" / "cluster.xml")]
    environment = {**os.environ, "CLICKHOUSE_CLUSTER_SECRET": "x"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1,3", "2,3", '"1","ch-1a"']
