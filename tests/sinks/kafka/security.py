"""TLS and SASL for a test broker: certificates that openssl makes, and one user."""

import secrets
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_LOGIN = "org.apache.kafka.common.security"
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Security:
    """
    A user, and PEM files in `folder`: `ca.pem`, and certificate and key of `server` and `client`.

    The listener SSL asks the client for a certificate; SASL_PLAINTEXT and SASL_SSL take PLAIN, SCRAM-SHA-256 and
    SCRAM-SHA-512.
    """

    folder: Path
    username: str = "dlrhub"
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def __post_init__(self) -> None:
        """Make the certificates."""
        self.folder.mkdir(parents=True)
        _make_authority(self.folder)
        for name in ("server", "client"):
            _make_certificate(self.folder, name)

    @property
    def ca_file(self) -> Path:
        """The authority that signed both certificates."""
        return self.folder / "ca.pem"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """The client's certificate and its unencrypted key."""
        return self.folder / "client.pem", self.folder / "client.key"

    def format_options(self) -> list[str]:
        """Return the options that store the user's SCRAM credentials when a broker's storage is formatted."""
        user = f"[name={self.username},password={self.password}]"
        return [part for name in _MECHANISMS[1:] for part in ("--add-scram", f"{name}={user}")]

    def properties(self) -> dict[str, str]:
        """Return the broker's settings."""
        plain = f'{_LOGIN}.plain.PlainLoginModule required user_{self.username}="{self.password}";'
        scram = f"{_LOGIN}.scram.ScramLoginModule required;"
        login = {
            f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config": plain if mechanism == "PLAIN" else scram
            for listener in ("sasl_plaintext", "sasl_ssl")
            for mechanism in _MECHANISMS
        }
        return login | {
            "sasl.enabled.mechanisms": ",".join(_MECHANISMS),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.folder / "server.both"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "listener.name.ssl.ssl.client.auth": "required",
        }


def _make_authority(folder: Path) -> None:
    _openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tests -keyout ca.key -out ca.pem")


def _make_certificate(folder: Path, name: str) -> None:
    _openssl(folder, f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
    (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="ascii")
    _openssl(folder, f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san -out {name}.pem")
    both = (folder / f"{name}.key").read_bytes() + (folder / f"{name}.pem").read_bytes()
    (folder / f"{name}.both").write_bytes(both)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *shlex.split(command)], cwd=folder, check=True, capture_output=True, timeout=60)
