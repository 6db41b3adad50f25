"""The folder with all data, and its locks."""

from pathlib import Path

import pytest

from ingest.connections.data_dir import locked
from ingest.settings.errors import InvalidSettingsError


def refuse(folder: Path, *parts: str) -> str:
    """Return the error of locking a folder that can't be locked."""
    with pytest.raises(InvalidSettingsError) as caught, locked(folder, parts):
        pass
    return str(caught.value)


def test_a_folder_is_made_and_belongs_to_one(tmp_path: Path) -> None:
    """A missing folder is made. Two dlrhubs can't hold the same part of it, but each can hold another part."""
    folder = tmp_path / "new" / "data"
    with locked(folder, ["receivers"]):
        assert refuse(folder, "store", "receivers") == f"data_dir = {folder}: another dlrhub works in it"
        with locked(folder, ["store"]):
            pass
    with locked(folder, ["receivers"]):
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A data folder that is a file, or lies in one, is refused in words."""
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "data"):
        assert refuse(folder, "store") == f"data_dir = {folder}: is, or lies in, a file: name a folder"


def test_a_folder_that_can_not_be_written_to_is_refused() -> None:
    """A data folder in which no file can be made is refused in words."""
    assert refuse(Path("/proc/dlrhub"), "store").startswith("data_dir = /proc/dlrhub: can't be written to: ")
