"""The settings of a Kafka cluster, in aiokafka's form, and the errors of connecting to it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.helpers import create_ssl_context

from sinks.errors import BusyError, RefusedError, SinkError
from sinks.stream import Topic

#: Time-out of one request, after which another broker is asked.
REQUEST_SECONDS: Final = 4.0

_SETTINGS_AT_FAULT: Final = (
    AuthenticationFailedError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    ssl.SSLCertVerificationError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """
    The settings of a Kafka cluster and its topics.

    `partitions` and `replication_factor` (None: the brokers' default) are for new topics; existing ones are not changed.
    """

    bootstrap_servers: str
    topic_prefix: str = "dlr."
    partitions: int = 12
    replication_factor: int | None = None
    compression: str | None = "lz4"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: str | None = field(default=None, repr=False)

    def topic_name(self, topic: Topic) -> str:
        """Return a topic's name in Kafka."""
        return self.topic_prefix + topic

    def options(self) -> dict[str, Any]:
        """Return the options of every aiokafka client; raises `RefusedError` if a TLS file can't be used."""
        return {"bootstrap_servers": self.bootstrap_servers, **self._connection_options()}

    def _connection_options(self) -> dict[str, Any]:
        return {
            "client_id": "dlrhub",
            "request_timeout_ms": int(REQUEST_SECONDS * 1000),
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context() if self.security_protocol.endswith("SSL") else None,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
        }

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context: ssl.SSLContext = create_ssl_context(
                cafile=self.ssl_cafile,
                certfile=self.ssl_certfile,
                keyfile=self.ssl_keyfile,
                password=self.ssl_password,
            )
        except OSError as error:
            raise RefusedError(f"kafka: the TLS files can't be used: {error}") from error
        return context

    @asynccontextmanager
    async def explained_errors(self) -> AsyncIterator[None]:
        """Raise aiokafka's errors as `BusyError`, or as `RefusedError` if the settings are at fault."""
        try:
            yield
        except KafkaConnectionError:
            raise await self.why_unreachable() from None
        except (KafkaError, TimeoutError) as error:
            raise kafka_failed(error) from error

    async def why_unreachable(self) -> SinkError:
        """
        Find out why no client can start, which aiokafka only logs, by connecting to every server.

        Returns a `RefusedError` if the settings are at fault, else a `BusyError`.
        """
        reasons = []
        for host, port, _ in collect_hosts(self.bootstrap_servers, randomize=False):
            try:
                connection = await create_conn(host, port, **self._connection_options())
            except _SETTINGS_AT_FAULT as error:
                return RefusedError(f"kafka: {host}:{port} does not let us in: {error}")
            except (OSError, KafkaError, TimeoutError) as error:
                reasons.append(f"{host}:{port}: {str(error) or type(error).__name__}")
            else:
                connection.close()
                reasons.append(f"{host}:{port} answers again")
        return BusyError(f"kafka: no server can be reached ({'; '.join(reasons)})")


def kafka_failed(error: BaseException) -> BusyError:
    """Return an error of aiokafka as a `BusyError`; some have no text."""
    return BusyError(f"kafka: {str(error) or type(error).__name__}")
