"""What the settings promise: every value from file or environment, and one message that names all that is wrong."""

from pathlib import Path

import pytest

from ingest.settings.settings import InvalidSettingsError, Settings, load


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
    """`dlrhub.toml` counts where it lies in the working folder."""
    write(tmp_path, "[receiver]\nworkers = 3")
    monkeypatch.chdir(tmp_path)
    assert load().receiver.workers == 3


def test_the_environment_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value in the environment goes over the same in the file, and leaves its neighbours."""
    path = write(tmp_path, '[receiver]\nworkers = 3\nmax_body_bytes = 5\n[[accounts]]\nprovider = "cm"\nopen = true')
    monkeypatch.setenv("DLRHUB_RECEIVER__WORKERS", "4")
    settings = load(path)
    assert (settings.receiver.workers, settings.receiver.max_body_bytes) == (4, 5)
    monkeypatch.setenv("DLRHUB_ACCOUNTS", '[{"provider": "juhe", "name": "a", "open": true}]')
    assert [account.provider for account in load(path).accounts] == ["juhe"]


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    """What is wrong is told in one message, each with its place, and no secret is shown."""
    path = write(
        tmp_path,
        """
        unknown = 1
        [receiver]
        workers = 0
        listen = "nowhere"
        [admin]
        listen = "0.0.0.0:8081"
        [[accounts]]
        provider = "nobody"
        secrets = ["hidden/value"]
        [[accounts]]
        provider = "cm"
        timezone = "Mars/Base"
        allow = ["300.0.0.0/8"]
        """,
    )
    with pytest.raises(InvalidSettingsError) as caught:
        load(path)
    text = str(caught.value)
    for place in (
        "unknown:",
        "receiver.workers:",
        "receiver.listen:",
        "admin:",
        "accounts.0.provider:",
        "accounts.0.secrets.0:",
        "accounts.1.timezone:",
        "accounts.1.allow.0",
    ):
        assert place in text, place
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[receiver]\nlisten = "0.0.0.0:8080"', "no account is configured"),
        ('[receiver]\nlisten = ":8080"\n[[accounts]]\nprovider = "cm"', "cm/default"),
        ('[query]\nlisten = "0.0.0.0:8123"', "loopback"),
        ('[[accounts]]\nprovider = "cm"\nauth_key = "x"', "auth_key is CloudSMS"),
        ('[[accounts]]\nprovider = "juhe"\nfields = { A = "b" }', "fields renames"),
        ('[[accounts]]\nprovider = "cm"\n[[accounts]]\nprovider = "cm"', "given twice: cm/default"),
        ('[receiver]\ntls_cert = "a.pem"', "tls_cert and tls_key"),
        ("not toml", "dlrhub.toml"),
    ],
)
def test_what_would_let_strangers_in_stops_the_start(tmp_path: Path, text: str, says: str) -> None:
    """Settings that are unsafe, or that contradict themselves, are refused with a reason."""
    with pytest.raises(InvalidSettingsError, match=says):
        load(write(tmp_path, text))


@pytest.mark.parametrize("guard", ['secrets = ["s"]', 'allow = ["203.0.113.0/24"]', "open = true"])
def test_guarded_accounts_open_the_receiver_to_the_world(tmp_path: Path, guard: str) -> None:
    """Once every account has a secret, an allowlist or an explicit `open`, the receiver listens on every interface."""
    settings = load(write(tmp_path, f'[[accounts]]\nprovider = "cm"\n{guard}'))
    assert settings.receiver_listen == "0.0.0.0:8080"
    one_open = Settings.model_validate(
        {"accounts": [{"provider": "cm", "secrets": ["s"]}, {"provider": "juhe", "name": "b"}]}
    )
    assert one_open.receiver_listen == "127.0.0.1:8080"


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    """`--config` with no such file stops the start."""
    with pytest.raises(InvalidSettingsError, match="no such file"):
        load(tmp_path / "absent.toml")
