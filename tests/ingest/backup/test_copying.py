"""The promises of a folder of backups: parts are kept once, a backup is whole or not there, old ones go."""

import shutil
from pathlib import Path

import pytest

from ingest.backup.copying import add_backup, backups_in, drop_old, read_manifest
from ingest.backup.snapshot import Snapshot


def snapshot(folder: Path, parts: dict[str, str]) -> Snapshot:
    """Make a snapshot of one table with these parts, each a name and its content."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = []
    for name, content in parts.items():
        path = folder / "parts" / name
        path.mkdir(parents=True)
        (path / "checksums.txt").write_text(f"checksum of {content}")
        (path / "data.bin").write_text(content)
        paths.append(path)
    (folder / "files" / "journal" / "receiver-0").mkdir(parents=True)
    (folder / "files" / "journal" / "receiver-0" / "cursor").write_text("7")
    return Snapshot({"dlr_store.reports": paths}, {"0001_schema": "abc"}, folder / "files")


def kept(folder: Path) -> dict[str, str]:
    """Return the parts that a folder of backups has, with their content."""
    return {path.parent.name: path.read_text() for path in folder.glob("parts/*/*/data.bin")}


def test_a_second_backup_copies_what_is_new(tmp_path: Path) -> None:
    """A part that an earlier backup has is not copied again, unless its content differs."""
    folder = tmp_path / "backups"
    first = add_backup(folder, snapshot(tmp_path / "a", {"1_1_1_0": "one", "1_2_2_0": "two"}))
    for path in folder.glob("parts/*/*/data.bin"):
        path.write_text(f"{path.read_text()}, copied first")
    second = add_backup(folder, snapshot(tmp_path / "a", {"1_1_1_0": "one", "1_2_2_0": "other"}))
    assert sorted(kept(folder).values()) == ["one, copied first", "other", "two, copied first"]
    assert backups_in(folder) == [first, second]
    assert len(read_manifest(second).parts["dlr_store.reports"]) == 2
    assert (second / "journal" / "receiver-0" / "cursor").read_text() == "7"


def test_a_backup_that_fails_is_none_and_the_next_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that was cut short is none, however far it came, and does not harm the next one."""
    folder = tmp_path / "backups"
    copytree = shutil.copytree

    def failing(source: Path, target: Path) -> None:
        copytree(source, target)
        (target / "data.bin").write_text("half")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", failing)
        with pytest.raises(OSError, match="no space"):
            add_backup(folder, snapshot(tmp_path / "a", {"1_1_1_0": "one"}))
    assert backups_in(folder) == []
    add_backup(folder, snapshot(tmp_path / "a", {"1_1_1_0": "one"}))
    assert list(kept(folder).values()) == ["one"]
    assert not list(folder.rglob("*.partial"))


def test_old_backups_go_with_the_parts_that_no_other_has(tmp_path: Path) -> None:
    """All but the latest backups are deleted, and each part with the last backup that has it."""
    folder = tmp_path / "backups"
    for number in range(4):
        add_backup(folder, snapshot(tmp_path / "a", {"1_1_1_0": "old", f"2_{number}_1_0": f"{number}"}))
    drop_old(folder, keep=2)
    assert len(backups_in(folder)) == 2
    assert sorted(kept(folder).values()) == ["2", "3", "old"]
