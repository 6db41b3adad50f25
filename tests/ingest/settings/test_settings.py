"""The promise of the settings: values from the file or the environment, and defaults that keep strangers out."""

from pathlib import Path

import pytest

from ingest.settings.loading import load
from ingest.settings.settings import Settings


def write(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "dlrhub.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_settings_everything_is_embedded_and_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder is enough to start, and then only this machine can post."""
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.receiver_listen, settings.admin.listen, settings.query.listen) == (
        "127.0.0.1:8080",
        "127.0.0.1:8081",
        "127.0.0.1:8123",
    )


def test_the_file_in_the_working_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dlrhub.toml` in the working folder is read."""
    write(tmp_path, "[receiver]\nworkers = 3")
    monkeypatch.chdir(tmp_path)
    assert load().receiver.workers == 3


def test_the_environment_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable replaces the value in the file, and leaves the other values of its section."""
    path = write(tmp_path, '[receiver]\nworkers = 3\nmax_body_bytes = 5\n[[accounts]]\nprovider = "cm"\nopen = true')
    monkeypatch.setenv("DLRHUB_RECEIVER__WORKERS", "4")
    settings = load(path)
    assert (settings.receiver.workers, settings.receiver.max_body_bytes) == (4, 5)
    monkeypatch.setenv("DLRHUB_ACCOUNTS", '[{"provider": "juhe", "name": "a", "open": true}]')
    assert [account.provider for account in load(path).accounts] == ["juhe"]


@pytest.mark.parametrize("guard", ['secrets = ["s"]', 'allow = ["203.0.113.0/24"]', "open = true"])
def test_guarded_accounts_open_the_receiver_to_the_world(tmp_path: Path, guard: str) -> None:
    """Once every account has a secret, an allowlist or an explicit `open`, the receiver listens on every interface."""
    settings = load(write(tmp_path, f'[[accounts]]\nprovider = "cm"\n{guard}'))
    assert settings.receiver_listen == "0.0.0.0:8080"
    one_open = Settings.model_validate(
        {"accounts": [{"provider": "cm", "secrets": ["s"]}, {"provider": "juhe", "name": "b"}]}
    )
    assert one_open.receiver_listen == "127.0.0.1:8080"


def test_an_account_that_is_only_asked_opens_no_port_to_the_world() -> None:
    """If no account is posted to, the receiver listens on this machine only."""
    poll = {"app_id": "a", "app_key": "b"}
    settings = Settings.model_validate({"accounts": [{"provider": "cmessages", "poll": poll}]})
    assert settings.receiver_listen == "127.0.0.1:8080"
