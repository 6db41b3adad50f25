"""
The settings: `dlrhub.toml` (or `--config`), every value also as `DLRHUB_SECTION__NAME`.

What is wrong stops the start with one message that names every fault. A value that may be a secret is never shown.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ingest.settings.polling import PollSettings
from normalizers import PROVIDERS

DEFAULT_FILE: Final = Path("dlrhub.toml")


class InvalidSettingsError(Exception):
    """The settings can't be used; the text names every fault."""


def _checked_address(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ValueError("give it as host:port, such as 127.0.0.1:8080")
    if host and host != "localhost":
        ip_address(host.strip("[]"))
    return text


def _checked_servers(text: str) -> str:
    servers = [server.strip() for server in text.split(",")]
    if not all(re.fullmatch(r"[^:\s]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}", server) for server in servers):
        raise ValueError("give it as host:port,host:port, such as kafka-1:9092,kafka-2:9092")
    return ",".join(servers)


def _checked_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give it as https://user:password@host:8443")
    return url


def _checked_timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("no such time zone; give an IANA name such as Asia/Shanghai") from error
    return text


def _checked_secret(secret: SecretStr) -> SecretStr:
    if "/" in secret.get_secret_value():
        raise ValueError("a path secret has no slash")
    return secret


def _checked_provider(text: str) -> str:
    if text not in PROVIDERS:
        raise ValueError(f"no such provider; there are {', '.join(PROVIDERS)}")
    return text


Address = Annotated[str, AfterValidator(_checked_address)]
Network = IPv4Network | IPv6Network
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
PathSecret = Annotated[SecretStr, Field(min_length=1, max_length=256), AfterValidator(_checked_secret)]


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port`; an empty host means every interface."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what `:8080` says


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach a `host:port`."""
    host, _ = split_address(address)
    return host == "localhost" or ip_address(host).is_loopback


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReceiverSettings(_Section):
    """The door that providers post to; `listen` defaults to every interface once every account is guarded."""

    listen: Address | None = None
    workers: PositiveInt = 1
    max_body_bytes: PositiveInt = 1024 * 1024
    body_timeout_s: PositiveFloat = 10.0
    trusted_proxies: tuple[Network, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca needs tls_cert and tls_key")
        return self


class AdminSettings(_Section):
    """The operator's door; `show_numbers` has its page show phone numbers in full."""

    listen: Address = "127.0.0.1:8081"
    token: SecretStr | None = None
    show_numbers: bool = False

    @model_validator(mode="after")
    def _strangers_need_a_token(self) -> Self:
        if not is_loopback(self.listen) and self.token is None:
            raise ValueError("listen is not loopback: set a token")
        return self


class QuerySettings(_Section):
    """The read-only ClickHouse door over the embedded store; it knows no users, so it stays on this machine."""

    listen: Address = "127.0.0.1:8123"

    @model_validator(mode="after")
    def _stays_here(self) -> Self:
        if not is_loopback(self.listen):
            raise ValueError("listen must be loopback: the query interface knows no users")
        return self


class KafkaSettings(_Section):
    """
    The stream; a journal where it is not set.

    `partitions` and `replication_factor` (default: the brokers') are those of topics that have to be made.
    """

    bootstrap_servers: Annotated[str, AfterValidator(_checked_servers)]
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,200}$")] = "dlr."
    group: Name = "dlrhub-drain"
    confirm_timeout_ms: PositiveInt = 2000
    partitions: PositiveInt = 12
    replication_factor: PositiveInt | None = None
    compression: Literal["none", "lz4", "zstd"] = "lz4"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: SecretStr | None = None

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol {self.security_protocol} needs sasl_username and sasl_password")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("ssl_certfile and ssl_keyfile go together")
        return self


class ClickHouseSettings(_Section):
    """
    The store; embedded where `url` is not set.

    `retention_days` (0: for ever) is how long rows are kept after their receipt.
    """

    url: Annotated[SecretStr, AfterValidator(_checked_url)] | None = None
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "dlr"
    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.{}-]*$")] = ""
    batch_rows: PositiveInt = 20_000
    batch_ms: PositiveInt = 300
    async_insert: bool = False
    retention_days: NonNegativeInt = 0

    @property
    def ping_url(self) -> str:
        """Where the server says that it is alive, which it tells anybody; empty for the embedded store."""
        parts = urlsplit(self.url.get_secret_value() if self.url else "")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/ping" if self.url else ""


class AccountSettings(_Section):
    """One account at one provider: who may post to it, and how what it posts is read."""

    provider: Annotated[str, AfterValidator(_checked_provider)]
    name: Name = "default"
    secrets: tuple[PathSecret, ...] = ()
    allow: tuple[Network, ...] = ()
    auth_key: SecretStr | None = None
    open: bool = False
    timezone: Annotated[str, AfterValidator(_checked_timezone)] | None = None
    default_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    acknowledge_unreadable: bool = False
    age_out_h: Annotated[float, Field(gt=0, le=240)] | None = None
    poll: PollSettings | None = None

    @model_validator(mode="after")
    def _is_asked_as_its_provider_is(self) -> Self:
        if self.poll is not None:
            self.poll.check(self.provider)
        return self

    @model_validator(mode="after")
    def _provider_knows_its_own(self) -> Self:
        if self.auth_key is not None and self.provider != "cloudsms":
            raise ValueError(f"auth_key is CloudSMS'; {self.provider} sends none")
        if self.fields and self.provider != "cm":
            raise ValueError(f"fields renames CM's parameters; {self.provider}'s have fixed names")
        return self

    @property
    def guarded(self) -> bool:
        """Whether something keeps strangers out, or the operator said that nothing has to, or there is no way in."""
        called = bool(PROVIDERS[self.provider].methods)
        return bool(self.secrets or self.allow or self.auth_key or self.open or not called)


class Settings(BaseSettings):
    """Every setting of dlrhub."""

    model_config = SettingsConfigDict(
        env_prefix="DLRHUB_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("dlrhub-data")
    receiver: ReceiverSettings = ReceiverSettings()
    admin: AdminSettings = AdminSettings()
    query: QuerySettings = QuerySettings()
    kafka: KafkaSettings | None = None
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    accounts: tuple[AccountSettings, ...] = ()

    @property
    def polls(self) -> bool:
        """Whether some account is asked."""
        return any(account.poll is not None for account in self.accounts)

    @property
    def unguarded(self) -> bool:
        """Whether a stranger could post to some account."""
        return not self.accounts or not all(account.guarded for account in self.accounts)

    @property
    def receiver_listen(self) -> str:
        """Where the receiver listens: on this machine only, while anybody could post."""
        return self.receiver.listen or ("127.0.0.1:8080" if self.unguarded else "0.0.0.0:8080")

    @model_validator(mode="after")
    def _accounts_are_distinct(self) -> Self:
        names = [(account.provider, account.name) for account in self.accounts]
        twice = sorted({f"{provider}/{name}" for provider, name in names if names.count((provider, name)) > 1})
        if twice:
            raise ValueError(f"accounts: given twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _strangers_are_kept_out(self) -> Self:
        if self.unguarded and not is_loopback(self.receiver_listen):
            open_to_all = [f"{a.provider}/{a.name}" for a in self.accounts if not a.guarded] or [
                "no account is configured"
            ]
            raise ValueError(
                f"receiver.listen is not loopback, and anybody could post ({', '.join(open_to_all)}): give each account "
                "secrets, allow or (CloudSMS) auth_key, or say open = true"
            )
        return self


def load(path: Path | None = None) -> Settings:
    """
    Read the settings from `path` (default: `dlrhub.toml` where there is one) and the environment, which leads.

    Raises `InvalidSettingsError` that names everything that is wrong.
    """
    if path is not None and not path.is_file():
        raise InvalidSettingsError(f"{path}: no such file")
    file = path or DEFAULT_FILE

    class _FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    try:
        return _FromFile()
    except ValidationError as error:
        raise InvalidSettingsError("\n".join(_faults(error))) from None
    except (SettingsError, ValueError, OSError) as error:
        raise InvalidSettingsError(f"{file}: {error}") from None


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in fault["loc"]) or "settings"
        yield f"{where}: {fault['msg'].removeprefix('Value error, ')}"
