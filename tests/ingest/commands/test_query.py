"""The queries of `dlrhub query`, and its error messages."""

import io
from pathlib import Path

import pytest

from ingest.commands.query import print_answer, read_sql
from ingest.commands.usage import UsageError
from ingest.connections.clickhouse import StoreError
from ingest.settings.settings import Settings


class Terminal(io.StringIO):
    """An input at which a person sits."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_sql_comes_from_the_argument_a_file_or_the_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL comes from the argument, else from the file, else from the standard input; on a terminal it is typed."""
    file = tmp_path / "x.sql"
    file.write_text("SELECT 2")
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 3"))
    assert read_sql("-- why\nSELECT 1", None) == "-- why\nSELECT 1"
    assert read_sql(None, file) == "SELECT 2"
    assert read_sql(None, Path("-")) == "SELECT 3"
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 4"))
    assert read_sql(None, None) == "SELECT 4"
    monkeypatch.setattr("sys.stdin", Terminal())
    assert read_sql(None, None) is None


def test_sql_that_is_given_twice_or_can_not_be_read_is_refused(tmp_path: Path) -> None:
    """An argument beside a file, and a file that is not there, are refused in words."""
    with pytest.raises(UsageError, match="not both"):
        read_sql("SELECT 1", tmp_path)
    with pytest.raises(UsageError, match=r"absent.sql: can't be read"):
        read_sql(None, tmp_path / "absent.sql")


async def test_asking_in_a_wrong_folder_makes_no_store(tmp_path: Path, unused_tcp_port: int) -> None:
    """If no dlrhub answers and there is no data, the command says both, and creates nothing."""
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "query": {"listen": f"127.0.0.1:{unused_tcp_port}"}}
    )
    with pytest.raises(StoreError, match=rf"no dlrhub answers at http://127.0.0.1:{unused_tcp_port}, and .* no store"):
        await print_answer(settings, "SELECT 1", "csv")
    assert not settings.data_dir.exists()
