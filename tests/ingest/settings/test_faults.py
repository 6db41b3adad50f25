"""Settings that are wrong, and what is said about them: the line, the setting, what was given, and what is allowed."""

from pathlib import Path

import pytest

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.loading import load

CM = '[[accounts]]\nprovider = "cm"\n'
WRONG = {
    "unknown = 1": "line 1: unknown: there is no such setting; there are data_dir, receiver",
    "[reciever]": 'line 1: reciever: there is no such setting; did you mean "receiver"?',
    "workers = 3": "line 1: workers: there is no such setting; it belongs in [receiver]",
    "receiver = 3": "line 1: receiver: must be a table",
    "data_dir = 3": "line 1: data_dir = 3: must be a path in quotes",
    '[receiver]\nworkers = "two"': 'line 2: receiver.workers = "two": must be a whole number',
    '[receiver]\nlisten = "8080"': 'line 2: receiver.listen = "8080": give it as host:port',
    '[receiver]\nlisten = "example.com:80"': "the host must be an IP address",
    '[receiver]\nlisten = "0.0.0.0:8080"': "anybody could post reports of every provider, since no account is configured",
    f'[receiver]\nlisten = ":8080"\n{CM}': "anybody could post reports of cm/default",
    '[receiver]\nlisten = "127.0.0.1:8081"': "receiver.listen has the same port (8081)",
    '[receiver]\ntls_cert = "a.pem"': "tls_cert and tls_key go together",
    '[admin]\nlisten = "0.0.0.0:8081"': 'line 2: admin.listen = "0.0.0.0:8081": other machines could reach',
    '[admin]\ntoken = ""': "line 2: admin.token: must not be empty",
    '[query]\nlisten = "0.0.0.0:8123"': "must be a loopback address",
    "[kafka]": "line 1: kafka.bootstrap_servers: is missing",
    '[kafka]\nbootstrap_servers = "k:1"\ncompression = "gzip"': "must be one of 'none', 'lz4' or 'zstd'",
    '[privacy]\nstore_numbers = "mask"': "must be one of 'full', 'masked' or 'keyed_hash'; did you mean \"masked\"?",
    "[privacy]\nretention_days = { reports = -1 }": "must be at least 0",
    "[accounts]": "line 1: accounts: must be a list of tables: begin each account with [[accounts]]",
    '[[accounts]]\nname = "x"': "line 1: provider of the first account: is missing",
    '[[accounts]]\nprovider = "cms"': 'did you mean "cm"?; there are cm, juhe',
    f"{CM}{CM}": "line 3: name of the second account (cm/default): there is another account cm/default",
    f'{CM}secrets = [""]': "line 3: secrets of the first account (cm/default): must not be empty",
    f'{CM}secrets = "abc"': "must be a list in square brackets",
    f'{CM}secret = ["abc"]': 'there is no such setting; did you mean "secrets"?',
    f'{CM}allow = ["203.0.113.5/24"]': 'did you mean "203.0.113.0/24"?',
    f'{CM}default_region = "UK"': 'line 3: default_region of the first account (cm/default) = "UK": must be a country\'s',
    f'{CM}default_region = "nl"': 'did you mean "NL"?',
    f'{CM}timezone = "Asia/Shangai"': 'there is no such time zone; did you mean "Asia/Shanghai"?',
    f'{CM}fields = {{ STAUS = "state" }}': 'cm has no such parameter; did you mean "STATUS"?',
    f'{CM}auth_key = "x"': "only cloudsms sends an AUTH_KEY",
    f"{CM}age_out_h = 999": "must be at most 240",
    f'{CM}poll = {{ app_id = "x" }}': "cm can't be asked for reports; these can: juhe, santo, cmessages",
    '[[accounts]]\nprovider = "juhe"\nfields = { STATUS = "b" }': "parameters have fixed names",
    '[[accounts]]\nprovider = "cmessages"': "poll of the first account (cmessages/default): is missing: cmessages sends no",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_told_in_words(tmp_path: Path, text: str) -> None:
    """A wrong setting stops the start, with its line, its name, what was given and what is allowed."""
    path = tmp_path / "dlrhub.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSettingsError) as caught:
        load(path)
    assert WRONG[text] in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '[admin]\ntoken = "hidden"\nlisten = "0.0.0.0"',
        f'{CM}secrets = ["hidden/value"]',
        f'{CM}secret = ["hidden"]',
        f'{CM}secrets = "hidden"',
        '[clickhouse]\nurl = "ftp://user:hidden@host"',
        '[[accounts]]\nprovider = "juhe"\npoll = { acount = "hidden", password = 3 }',
        '[[accounts]]\nprovider = "juhe"\npoll = "hidden"',
    ],
)
def test_what_may_be_a_secret_is_not_shown(tmp_path: Path, text: str) -> None:
    """A message about settings shows no secret, whether it is in its place, misspelt or in a wrong form."""
    path = tmp_path / "dlrhub.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSettingsError) as caught:
        load(path)
    assert "hidden" not in str(caught.value)
