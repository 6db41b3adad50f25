"""Defines the sections of `dlrhub.toml`, their settings, and the checks of settings that depend on each other."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ingest.settings import values
from ingest.settings.codes import CodeSettings, ProviderSettings, check_codes, check_providers
from ingest.settings.errors import SettingError
from ingest.settings.polling import PollSettings
from ingest.settings.privacy import PrivacySettings
from ingest.settings.section import Section
from ingest.settings.values import Name, Network, Secret, did_you_mean, is_loopback, split_address
from normalizers import PROVIDERS
from sinks.clickhouse.memory import DEFAULT_MB, LEAST_MB
from sinks.clickhouse.urls import server_urls

#: Addresses that stand for every interface of this machine.
_EVERYWHERE: Final = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


class ReceiverSettings(Section):
    """The listener that providers post to; `listen` defaults to every interface if every account is guarded."""

    listen: values.Address | None = None
    workers: PositiveInt = 1
    max_body_bytes: PositiveInt = 1024 * 1024
    body_timeout_s: PositiveFloat = 10.0
    header_timeout_s: PositiveFloat = 10.0
    max_receiving_bytes: PositiveInt = 64 * 1024 * 1024
    max_connections: PositiveInt = 4096
    max_connections_per_address: PositiveInt = 1024
    refused_rate: PositiveFloat = 50.0
    refused_burst: PositiveInt = 500
    trusted_proxies: tuple[Network, ...] = ()
    public_url: values.PublicUrl | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingError("tls_cert" if self.tls_cert else "tls_key", "tls_cert and tls_key go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingError("tls_client_ca", "needs tls_cert and tls_key")
        return self


class AdminSettings(Section):
    """The listener for operators; with `show_numbers` its status page shows phone numbers in full."""

    listen: values.Address = "127.0.0.1:8081"
    token: Secret | None = None
    show_numbers: bool = False

    @model_validator(mode="after")
    def _strangers_need_a_token(self) -> Self:
        if not is_loopback(self.listen) and self.token is None:
            raise SettingError(
                "listen", "other machines could reach this address: set admin.token, or listen on 127.0.0.1"
            )
        return self


class QuerySettings(Section):
    """The read-only ClickHouse interface of the embedded store; it has no users, so it listens on this machine only."""

    listen: values.Address = "127.0.0.1:8123"

    @model_validator(mode="after")
    def _stays_here(self) -> Self:
        if not is_loopback(self.listen):
            raise SettingError(
                "listen", "must be a loopback address such as 127.0.0.1:8123: the query interface knows no users"
            )
        return self


class KafkaSettings(Section):
    """
    The stream on Kafka; without this section it is a journal.

    `partitions` and `replication_factor` (default: the brokers') are used for topics that have to be made.
    """

    bootstrap_servers: values.Servers
    topic_prefix: values.TopicPrefix = "dlr."
    group: Name = "dlrhub-drain"
    confirm_timeout_ms: PositiveInt = 2000
    partitions: PositiveInt = 12
    replication_factor: PositiveInt | None = None
    compression: Literal["none", "lz4", "zstd"] = "lz4"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: Secret | None = None

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise SettingError("security_protocol", "needs sasl_username and sasl_password")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise SettingError(
                "ssl_certfile" if self.ssl_certfile else "ssl_keyfile", "ssl_certfile and ssl_keyfile go together"
            )
        return self


class ClickHouseSettings(Section):
    """The store; embedded if `url` is not set."""

    url: values.ServerUrl | None = None
    database: values.DatabaseName = "dlr"
    cluster: values.ClusterName = ""
    batch_rows: PositiveInt = 20_000
    batch_ms: PositiveInt = 300
    async_insert: bool = False
    memory_mb: Annotated[int, Field(ge=LEAST_MB)] = DEFAULT_MB

    @property
    def servers(self) -> list[str]:
        """The URL of each server; none for the embedded store."""
        return server_urls(self.url.get_secret_value()) if self.url else []


class AccountSettings(Section):
    """One account at one provider: who may post to it, and how its callbacks are read."""

    provider: values.ProviderName
    name: Name = "default"
    secrets: tuple[values.PathSecret, ...] = ()
    allow: tuple[Network, ...] = ()
    auth_key: Secret | None = None
    keys: dict[str, Secret] = Field(default_factory=dict)
    open: bool = False
    timezone: values.TimeZoneName | None = None
    default_region: values.Region | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    codes: dict[str, CodeSettings] = Field(default_factory=dict)
    acknowledge_unreadable: bool = False
    rate: PositiveFloat | None = None
    burst: PositiveInt | None = None
    age_out_h: Annotated[float, Field(gt=0, le=240)] | None = None
    poll: PollSettings | None = None

    @model_validator(mode="after")
    def _fits_its_provider(self) -> Self:
        provider = PROVIDERS[self.provider]
        if self.poll is not None:
            self.poll.check(self.provider)
        if self.auth_key is not None and self.provider != "cloudsms":
            raise SettingError("auth_key", f"only cloudsms sends an AUTH_KEY; {self.provider} sends none")
        for name in self.keys:
            if name not in provider.keys:
                allowed = f"it has {', '.join(provider.keys)}" if provider.keys else "it signs nothing"
                raise SettingError(f"keys.{name}", f"{self.provider} has no such key; {allowed}")
        for name in self.fields:
            self._check_parameter(name, provider.renamable)
        check_codes(provider, self.codes)
        return self

    def _check_parameter(self, name: str, known: frozenset[str]) -> None:
        """Raise `SettingError` if `fields` renames a parameter that the provider's document does not have."""
        if not known:
            raise SettingError("fields", f"{self.provider}'s parameters have fixed names; only cm's can be renamed")
        if name.upper() not in known:
            allowed = ", ".join(sorted(known))
            raise SettingError(
                f"fields.{name}", f"cm has no such parameter{did_you_mean(name, known)}; it has {allowed}"
            )

    @property
    def guarded(self) -> bool:
        """Whether no stranger can post to the account, or it is `open` on purpose, or its provider posts nothing."""
        return bool(self.secrets or self.allow or self.auth_key or self.keys or self.open or not self.called)

    @property
    def called(self) -> bool:
        """Whether its provider posts callbacks."""
        return bool(PROVIDERS[self.provider].methods)


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
    privacy: PrivacySettings = PrivacySettings()
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    accounts: tuple[AccountSettings, ...] = ()

    @property
    def polls(self) -> bool:
        """Whether any account is polled."""
        return any(account.poll is not None for account in self.accounts)

    @property
    def unguarded(self) -> bool:
        """Whether a stranger could post to any account."""
        return not self.accounts or not all(account.guarded for account in self.accounts)

    @property
    def receiver_listen(self) -> str:
        """The receiver's address; by default loopback while anybody could post, or if no account gets callbacks."""
        private = self.unguarded or not any(account.called for account in self.accounts)
        return self.receiver.listen or ("127.0.0.1:8080" if private else "0.0.0.0:8080")

    @property
    def listeners(self) -> dict[str, str]:
        """The addresses that `dlrhub run` listens on, by the setting that names each."""
        found = {"receiver.listen": self.receiver_listen, "admin.listen": self.admin.listen}
        if self.clickhouse.url is None:
            found["query.listen"] = self.query.listen
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the hook's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment take precedence over the file, whose values are given to the constructor."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _accounts_can_be_used(self) -> Self:
        check_providers(self.providers)
        seen = set()
        for index, account in enumerate(self.accounts):
            key = f"{account.provider}/{account.name}"
            if key in seen:
                raise SettingError(
                    f"accounts.{index}.name", f"there is another account {key}: give each a name of its own"
                )
            if not account.called and account.poll is None:
                raise SettingError(
                    f"accounts.{index}.poll", f"is missing: {account.provider} sends no callbacks, it has to be asked"
                )
            seen.add(key)
        return self

    @model_validator(mode="after")
    def _listeners_are_distinct(self) -> Self:
        taken: dict[int, tuple[str, str]] = {}
        for name, address in self.listeners.items():
            host, port = split_address(address)
            other, other_host = taken.get(port, ("", ""))
            if other and port and (host == other_host or {host, other_host} & _EVERYWHERE):
                raise SettingError(name, f"{other} has the same port ({port}): give each listener a port of its own")
            taken[port] = name, host
        return self

    @model_validator(mode="after")
    def _strangers_are_kept_out(self) -> Self:
        if not self.unguarded or is_loopback(self.receiver_listen):
            return self
        unguarded = [f"{account.provider}/{account.name}" for account in self.accounts if not account.guarded]
        why = f"of {', '.join(unguarded)}" if unguarded else "of every provider, since no account is configured"
        raise SettingError(
            "receiver.listen",
            f"other machines could reach this address, and anybody could post reports {why}: "
            "give each account secrets, allow or (cloudsms) auth_key, or say open = true",
        )
