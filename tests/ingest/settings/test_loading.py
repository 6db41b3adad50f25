"""Reading the settings: files that can't be read, and every fault in one message."""

from pathlib import Path

import pytest

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.loading import load


def fault_of(path: Path) -> str:
    """Return what loading a file says, which has to fail."""
    with pytest.raises(InvalidSettingsError) as caught:
        load(path)
    return str(caught.value)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    """`--config` with no such file stops the start."""
    assert fault_of(tmp_path / "absent.toml").endswith("absent.toml: there is no such file")


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    """`--config` with a folder says that it is one."""
    assert "is a folder" in fault_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"receiver\n", "is not TOML: Expected"), (b'data_dir = "\xff"', "is not UTF-8 text")],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    """A file that can't be read as TOML is named, with the parser's reason."""
    path = tmp_path / "dlrhub.toml"
    path.write_bytes(content)
    assert f"{path}: {says}" in fault_of(path)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    """One message has every fault, each in a line of its own with its file and line."""
    path = tmp_path / "dlrhub.toml"
    path.write_text(
        '[receiver]\nworkers = 0\nlisten = "nowhere"\n[[accounts]]\nprovider = "nobody"\n[[accounts]]\nprovider = "cm"\n'
        'timezone = "Mars/Base"\n',
        encoding="utf-8",
    )
    heading, *faults = fault_of(path).splitlines()
    assert heading == "4 settings are wrong:"
    places = {fault.strip().split(":")[0] for fault in faults}
    assert places == {f"{path}, line {line}" for line in (2, 3, 5, 8)}


def test_wrong_variables_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with dlrhub's prefix that is misspelt, has a wrong value or no JSON is named, not the file."""
    monkeypatch.chdir(tmp_path)
    for variable, value, says in (
        ("DLRHUB_RECIEVER__LISTEN", "127.0.0.1:1", "did you mean DLRHUB_RECEIVER?"),
        ("DLRHUB_RECEIVER__WORKERS", "0", 'receiver.workers = "0": must be more than 0'),
        ("DLRHUB_ACCOUNTS", "cm", "must be JSON"),
    ):
        monkeypatch.setenv(variable, value)
        with pytest.raises(InvalidSettingsError) as caught:
            load()
        monkeypatch.delenv(variable)
        assert str(caught.value).startswith(f"{variable}: ")
        assert says in str(caught.value)
