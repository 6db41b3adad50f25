"""The status page on the admin listener: its static files, and the JSON that they ask for."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web

from ingest.admin.server import Check
from ingest.connections.clickhouse import StoreClient, StoreError
from ingest.metrics.series import Totals
from ingest.page.answering import Questions
from ingest.page.cache import Answers
from ingest.page.details import Details
from ingest.page.finding import Finder
from ingest.page.headers import HEADERS
from ingest.page.live import read_live
from ingest.page.overview import Overview
from ingest.page.period import Period
from ingest.page.queries import RANGES
from ingest.page.replaying import ReplayRunningError, Replays
from ingest.reprocessing.letters import START, LetterFilter, LetterPosition
from ingest.same_origin import is_foreign
from ingest.settings.accounts import EffectiveAccount
from ingest.settings.errors import InvalidSettingsError
from normalizers import PROVIDERS
from normalizers.errors import Fault
from sinks.errors import SinkError

_FOLDER: Final = files("ingest.page") / "static"
_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
#: The files that are served, by the name under `/page/`.
FILES: Final = {
    "page.css": "page.css",
    "icon.svg": "icon.svg",
    **{name: name for name in (
        "page.js", "address.js", "api.js", "dom.js", "words.js", "overview.js", "account.js", "letters.js", "letter.js",
        "replay.js", "plots.js",
        "figure.js", "program.js", "questions.js", "csv.js", "find.js", "meaning.js",
    )},
    "uPlot.iife.min.js": "vendor/uPlot.iife.min.js",
    "uPlot.min.css": "vendor/uPlot.min.css",
}  # fmt: skip

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LETTER: Final = re.compile(r"[0-9a-f]{32}")
_AFTER: Final = re.compile(r"([0-9]{1,16})-([0-9a-f]{32})")
#: When a report was received, in microseconds, and its event_id.
_REPORT: Final = re.compile(r"([0-9]{1,18})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_LONGEST_SEARCH: Final = 256
_NEWEST: Final = f"9{15 * '0'}-{32 * '0'}"
_DEFAULT_RANGE: Final = "1h"
#: How old the answers of this program's own parts may be.
_LIVE_SECONDS: Final = 1.0
#: How old the answer to a saved question may be, which may have read much.
_ANSWER_SECONDS: Final = 60.0


class _File(NamedTuple):
    body: bytes
    headers: Mapping[str, str]


class Page:
    """Handlers of the status page."""

    def __init__(
        self,
        store: StoreClient | None,
        accounts: Collection[EffectiveAccount],
        checks: Mapping[str, Check],
        totals: Totals,
        replays: Replays,
        *,
        guarded: bool = False,
        show_numbers: bool = False,
        has_kafka: bool = False,
        open_to_all: str = "",
    ) -> None:
        """
        Show the state that `checks` and `totals` tell, and the store's data if this command has a store.

        `guarded` tells that callers have a token. `open_to_all` is the receiver's URL while anybody may post there.
        """
        self._store = store
        self._answers = Answers()
        self._checks = checks
        self._totals = totals
        self._show_numbers = show_numbers
        self._overview = Overview(
            store, self._answers, accounts, has_kafka=has_kafka, show_numbers=show_numbers, open_to_all=open_to_all
        )
        self._finder = Finder(accounts, show_numbers=show_numbers)
        self._questions = Questions(show_numbers=show_numbers)
        self._replays = replays
        self._guarded = guarded
        self._shell = _read("index.html")
        self._files = {name: _read(path) for name, path in FILES.items()}

    def add_to(self, app: web.Application) -> None:
        """Serve the page."""
        app.router.add_get("/", self._show_shell)
        app.router.add_get("/page/{name}", self._show_file)
        for path, answer in {
            "/api/overview": self._show_overview,
            "/api/account": self._show_account,
            "/api/dead-letters": self._show_letters,
            "/api/dead-letters/{id}": self._show_letter,
            "/api/message": self._show_message,
            "/api/questions": self._show_questions,
            "/api/questions/{name}": self._show_answer,
        }.items():
            app.router.add_get(path, self._data(answer))
        app.router.add_post("/api/find", self._data(self._find))  # a number in a URL would be kept in many places
        app.router.add_post("/api/dead-letters/replay", self._data(self._replay_letters))
        app.router.add_post("/api/dead-letters/{id}/replay", self._data(self._replay_letter))
        app.on_shutdown.append(self._stop_replay)
        app.on_cleanup.append(self._close)

    async def _close(self, _: web.Application) -> None:
        await self._answers.close()
        if self._store is not None:
            await self._store.close()

    async def _stop_replay(self, _: web.Application) -> None:
        self._replays.stop()

    async def _show_shell(self, request: web.Request) -> web.Response:
        return _send(request, self._shell)

    async def _show_file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return _send(request, file)

    def _data(
        self, answer: Callable[[web.Request], Awaitable[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return a handler that answers with JSON, and refuses requests that another site's page makes."""

        async def handler(request: web.Request) -> web.Response:
            if is_foreign(request, guarded=self._guarded):
                return _json({"error": "not for pages of other sites, nor under another name than an address"}, 403)
            try:
                return _json(await answer(request))
            except _RequestError as error:
                return _json({"error": str(error)}, error.status)
            except ReplayRunningError as error:
                return _json({"error": str(error)}, 409)
            except StoreError as error:
                return _json({"error": str(error), "store": error.state}, 503)
            except (SinkError, InvalidSettingsError) as error:
                return _json({"error": f"the stream takes nothing now: {error}"}, 503)

        return handler

    async def _show_overview(self, request: web.Request) -> Any:
        name = _range(request)
        live = self._answers.get(("live",), lambda: read_live(self._checks, self._totals), _LIVE_SECONDS)
        return await self._overview.make(Period.now(name), live)

    async def _show_account(self, request: web.Request) -> Any:
        name, (provider, account) = _range(request), _owner(request)
        if not provider:
            raise _BadRequestError("provider: is missing")
        if not account:
            raise _BadRequestError("account: is missing")
        details = self._details()
        return await self._answers.get(
            ("account", name, provider, account), lambda: details.account(Period.now(name), provider, account)
        )

    async def _show_letters(self, request: web.Request) -> Any:
        name, (provider, account), why, last = _range(request), _owner(request), _why(request), _after(request)
        details = self._details()
        return await self._answers.get(
            ("letters", name, provider, account, why, last),
            lambda: details.letters(Period.now(name), provider, account, last, why),
        )

    async def _show_letter(self, request: web.Request) -> Any:
        letter_id = _letter_id(request)
        details = self._details()
        letter = await self._answers.get(("letter", letter_id), lambda: details.letter(letter_id))
        if letter is None:
            raise _NotFoundError("there is no such dead letter")
        return letter

    async def _replay_letters(self, request: web.Request) -> Any:
        (provider, account), since = _owner(request), Period.now(_range(request)).since
        wanted = LetterFilter(
            provider=provider,
            account=account,
            why=_why(request),
            since=datetime.fromtimestamp(since / 1000, UTC),
        )
        return await self._replays.run(self._needed_store(), wanted, _replay_after(request))

    async def _replay_letter(self, request: web.Request) -> Any:
        return await self._replays.run(self._needed_store(), LetterFilter(letter_id=_letter_id(request)))

    async def _find(self, request: web.Request) -> Any:
        try:
            what = orjson.loads(await request.read())["what"].strip()
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            raise _BadRequestError('send {"what": "a number, a message id or a reference"}') from None
        if not 0 < len(what) <= _LONGEST_SEARCH:
            raise _BadRequestError(f"what: must have 1 to {_LONGEST_SEARCH} characters")
        return await self._finder.search(self._needed_store(), what)

    async def _show_message(self, request: web.Request) -> Any:
        found = _REPORT.fullmatch(request.query.get("report", ""))
        if found is None:
            raise _BadRequestError("report: is not that of a failure")
        store, received, event = self._needed_store(), int(found[1]), found[2]
        message = await self._answers.get(
            ("message", received, event), lambda: self._finder.of_report(store, received, event)
        )
        if message is None:
            raise _NotFoundError("there is no such report any more")
        return message

    async def _show_questions(self, _: web.Request) -> Any:
        return self._questions.titles()

    async def _show_answer(self, request: web.Request) -> Any:
        name, store = _range(request), self._needed_store()
        question = self._questions.find(request.match_info["name"])
        if question is None:
            raise _NotFoundError("there is no such question")
        return await self._answers.get(
            ("question", name, question.name),
            lambda: self._questions.ask(store, question, Period.now(name)),
            _ANSWER_SECONDS,
        )

    def _details(self) -> Details:
        return Details(self._needed_store(), show_numbers=self._show_numbers)

    def _needed_store(self) -> StoreClient:
        if self._store is None:
            raise _NotFoundError("this command has no store")
        return self._store


class _RequestError(Exception):
    """A request that gets this status and the text of the error as its answer."""

    status: int


class _BadRequestError(_RequestError):
    """A parameter can't be used."""

    status = 400


class _NotFoundError(_RequestError):
    """The requested thing does not exist."""

    status = 404


def _range(request: web.Request) -> str:
    name = request.query.get("range", _DEFAULT_RANGE)
    if name not in RANGES:
        raise _BadRequestError(f"range: must be one of {', '.join(RANGES)}")
    return name


def _owner(request: web.Request) -> tuple[str, str]:
    """Return the provider and the account that are asked for; empty where none is."""
    provider, account = request.query.get("provider", ""), request.query.get("account", "")
    if not provider and not account:
        return "", ""
    if provider not in PROVIDERS:
        raise _BadRequestError(f"provider: must be one of {', '.join(PROVIDERS)}")
    if account and not _ACCOUNT.fullmatch(account):
        raise _BadRequestError("account: is no account's name")
    return provider, account


def _why(request: web.Request) -> str:
    """Return the fault that letters are asked for by; empty if none is."""
    why = request.query.get("why", "")
    if why and why not in set(Fault):
        raise _BadRequestError(f"why: must be one of {', '.join(Fault)}")
    return why


def _letter_id(request: web.Request) -> str:
    letter_id = request.match_info["id"]
    if not _LETTER.fullmatch(letter_id):
        raise _BadRequestError("id: is not that of a dead letter")
    return letter_id


def _replay_after(request: web.Request) -> LetterPosition:
    """Return where a replay begins: the `next` of the replay before, or at the oldest letter."""
    given = request.query.get("after", "")
    if not given:
        return START
    found = _AFTER.fullmatch(given)
    if found is None:
        raise _BadRequestError("after: must be the `next` of the replay before")
    return LetterPosition(START.first_received_at + timedelta(microseconds=int(found[1])), found[2])


def _after(request: web.Request) -> tuple[int, str]:
    """Return where a page of letters begins: the `next` of the page before."""
    found = _AFTER.fullmatch(request.query.get("after", _NEWEST))
    if found is None:
        raise _BadRequestError("after: must be the `next` of the letters before")
    return int(found[1]), found[2]


def _read(path: str) -> _File:
    body = (_FOLDER / path).read_bytes()
    tag = hashlib.sha256(body).hexdigest()[:24]
    kind = _TYPES[path.rpartition(".")[2]]
    headers = {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-cache", "ETag": f'"{tag}"'}
    return _File(body, {**HEADERS, **headers})


def _send(request: web.Request, file: _File) -> web.Response:
    if request.headers.get("If-None-Match") == file.headers["ETag"]:
        return web.Response(status=304, headers=file.headers)
    response = web.Response(body=file.body, headers=file.headers)
    response.enable_compression()
    return response


def _json(data: Any, status: int = 200) -> web.Response:
    headers = {**HEADERS, "Content-Type": "application/json", "Cache-Control": "no-store"}
    response = web.Response(status=status, body=orjson.dumps(data), headers=headers)
    response.enable_compression()
    return response
