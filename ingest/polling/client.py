"""
Sends requests to one account's provider over HTTP, with time-outs, TLS verification and a limited rate.

The outcome of every request is counted. Failures of one kind are logged once a minute, not at every request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

import aiohttp
import structlog

from ingest.metrics import catalogue
from ingest.polling.account import PolledAccount
from ingest.polling.pace import Pace
from normalizers.errors import MalformedError
from normalizers.polling import PollOutcome, PollRequest, Verdict

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_CONNECT_SECONDS: Final = 5.0
_MOST_BYTES: Final = 64 * 1024 * 1024
_OK: Final = 200
#: An outcome is logged again if it comes back after this long.
_QUIET_SECONDS: Final = 60.0
_FINISH_SECONDS: Final = 3.0


class _Response(NamedTuple):
    status: int
    body: bytes
    retry_after: str


@dataclass(frozen=True, slots=True)
class PollAnswer(Generic[_T]):
    """A request's outcome, the answer's body, and the parsed `value` or the `error` that parsing it raised."""

    outcome: PollOutcome
    detail: str = ""
    body: bytes = b""
    value: _T | None = None
    error: MalformedError | None = None


class ProviderClient:
    """Sends one account's requests to its provider; to be made in a running event loop."""

    def __init__(self, account: PolledAccount) -> None:
        self.account = account
        settings = account.settings
        self.pace = Pace(settings.requests_per_minute, settings.concurrency, settings.timeout_s)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.timeout_s, connect=min(_CONNECT_SECONDS, settings.timeout_s)),
            connector=aiohttp.TCPConnector(limit=settings.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "dlrhub"},
        )
        self._exchanges: set[asyncio.Task[object]] = set()
        self._logged_at: dict[PollOutcome, float] = {}

    async def ask(
        self,
        question: str,
        make: Callable[[], PollRequest],
        read: Callable[[bytes], _T],
        save: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> PollAnswer[_T]:
        """
        Send one request when it is its turn; never raises because of the provider.

        `make` makes the request at that moment, and `save` gets the answer before `read` parses it. Once the request is
        sent, it is finished even if the caller is cancelled.
        """
        async with self.pace.turn():
            exchange = asyncio.create_task(self._exchange(question, make(), read, save))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._exchanges.discard)
            return await asyncio.shield(exchange)

    async def close(self) -> None:
        """Give requests in flight some seconds to finish, then close the connections."""
        if self._exchanges:
            await asyncio.wait(self._exchanges, timeout=_FINISH_SECONDS)
        await self._session.close()

    async def _exchange(
        self,
        question: str,
        request: PollRequest,
        read: Callable[[bytes], _T],
        save: Callable[[bytes], Awaitable[None]] | None,
    ) -> PollAnswer[_T]:
        try:
            response = await self._send(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            verdict = Verdict(PollOutcome.UNREACHABLE, type(error).__name__)
            self._note(question, verdict)
            return PollAnswer(*verdict)
        if save is not None and response.status == _OK and response.body:
            await save(response.body)
        verdict = self.account.poll.judge(response.status, response.body)
        value, unreadable = None, None
        if verdict.outcome is PollOutcome.ANSWERED:
            try:
                value = read(response.body)
            except MalformedError as error:
                unreadable, verdict = error, Verdict(PollOutcome.UNREADABLE, str(error))
        self._note(question, verdict, response.retry_after)
        return PollAnswer(*verdict, response.body, value, unreadable)

    async def _send(self, request: PollRequest) -> _Response:
        """Send a request and return the answer, even a truncated one: the provider may not send it again."""
        headers = {"Content-Type": request.content_type} if request.content_type else {}
        body = bytearray()
        async with self._session.request(
            request.method, self.account.url(request), data=request.body, headers=headers, allow_redirects=False
        ) as response:
            try:
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        break
            except (aiohttp.ClientError, TimeoutError):
                if not body:
                    raise
            return _Response(response.status, bytes(body), response.headers.get("Retry-After", ""))

    def _note(self, question: str, verdict: Verdict, retry_after: str = "") -> None:
        """Count the outcome, adapt the pace, and log an outcome that was not logged lately."""
        outcome, (provider, name) = verdict.outcome, (self.account.provider, self.account.name)
        catalogue.POLL_REQUESTS.add(provider, name, outcome)
        seconds = self.pace.note(outcome, int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0)
        log, now = _log.bind(provider=provider, account=name, question=question), asyncio.get_running_loop().time()
        if outcome is PollOutcome.ANSWERED:
            self._logged_at = {old: at for old, at in self._logged_at.items() if now - at <= _QUIET_SECONDS}
            return
        if outcome in self._logged_at:
            return
        self._logged_at[outcome] = now
        if outcome is PollOutcome.DENIED:
            log.error("a provider turns the account down", why=verdict.detail, asked_again_in_seconds=round(seconds))
        else:
            log.warning("a provider does not answer a request", outcome=outcome, why=verdict.detail)
