"""The status page on the admin listener: its static files, and the JSON that they ask for."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from ingest.admin.server import Check
from ingest.connections.clickhouse import StoreClient, StoreError
from ingest.http_server.bodies import BodyLimits, BodyReader
from ingest.metrics.series import Totals
from ingest.page import parameters
from ingest.page.cache import LEAST_SECONDS, Answers
from ingest.page.details import AccountDetails
from ingest.page.finding import Finder
from ingest.page.live import read_live
from ingest.page.overview import Overview
from ingest.page.questions import Questions
from ingest.page.replaying import Replays
from ingest.page.rows import Mask
from ingest.same_origin import is_foreign
from ingest.settings.accounts import EffectiveAccount
from ingest.settings.errors import InvalidSettingsError
from sinks.errors import SinkError

Asked = TypeVar("Asked", bound=BaseModel)
_Answer = Callable[[web.Request], Awaitable[Any]]

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: The files that are served, by the name under `/page/`.
FILES: Final = {path.name: path for path in sorted(_FOLDER.rglob("*")) if path.suffix in _TYPES}
#: The page may load its own files and call this listener only, and no other page may show it in a frame.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: For how long the state of this program's own parts is cached.
_LIVE_SECONDS: Final = 1.0
#: For how long the answer to a saved question is cached, which may be costly.
_ANSWER_SECONDS: Final = 60.0
_MOST_BODY_BYTES: Final = 64 * 1024
_BODY_SECONDS: Final = 10.0


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
        mask: Mask,
        guarded: bool = False,
        has_kafka: bool = False,
        open_to_all: str = "",
    ) -> None:
        """
        Show the state of the program by `checks` and `totals`, and the store's data if this command has a store.

        `guarded` says that callers need a token. `open_to_all` is the receiver's URL if anybody may post there.
        """
        self._store = store
        self._answers = Answers()
        self._checks = checks
        self._totals = totals
        keys = [account.key for account in accounts if account.provider.methods or account.poll]
        self._overview = Overview(store, self._answers, keys, mask, has_kafka, open_to_all)
        self._details = AccountDetails(mask)
        self._finder = Finder(accounts, mask)
        self._questions = Questions(mask)
        self._replays = replays
        self._guarded = guarded
        self._bodies = BodyReader(BodyLimits(most=_MOST_BODY_BYTES, seconds=_BODY_SECONDS))
        self._files = {name: _read(path) for name, path in FILES.items()}

    def add_to(self, app: web.Application) -> None:
        """Add the page's routes to an application."""
        details, finder, replays = self._details, self._finder, self._replays
        for path, answer in {
            "/api/overview": self._show_overview,
            "/api/account": self._stored(parameters.AccountParameters, details.account, LEAST_SECONDS),
            "/api/dead-letters": self._stored(parameters.LettersParameters, details.letters, LEAST_SECONDS),
            "/api/dead-letters/{id}": self._stored(parameters.LetterParameters, details.letter, LEAST_SECONDS),
            "/api/message": self._stored(parameters.MessageParameters, finder.of_report, LEAST_SECONDS),
            "/api/questions": self._titles,
            "/api/questions/{name}": self._stored(parameters.QuestionParameters, self._questions.ask, _ANSWER_SECONDS),
        }.items():
            app.router.add_get(path, self._data(answer))
        for path, answer in {
            "/api/find": self._find,  # by POST: a number in a URL would end up in logs and in the browser's history
            "/api/dead-letters/replay": self._stored(parameters.LettersParameters, replays.run_all),
            "/api/dead-letters/{id}/replay": self._stored(parameters.LetterParameters, replays.run_one),
        }.items():
            app.router.add_post(path, self._data(answer))
        app.router.add_get("/", self._show_file)
        app.router.add_get("/page/{name}", self._show_file)
        app.on_shutdown.append(self._stop_replay)
        app.on_cleanup.append(self._close)

    async def _close(self, _: web.Application) -> None:
        await self._answers.close()
        if self._store is not None:
            await self._store.close()

    async def _stop_replay(self, _: web.Application) -> None:
        self._replays.stop()

    async def _show_file(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info.get("name", "index.html"))
        if file is None:
            raise web.HTTPNotFound
        if request.headers.get("If-None-Match") == file.headers["ETag"]:
            return web.Response(status=304, headers=file.headers)
        return _compressed(web.Response(body=file.body, headers=file.headers))

    def _data(self, answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return a handler that answers with JSON, and refuses requests of other sites' pages."""

        async def handler(request: web.Request) -> web.Response:
            if is_foreign(request, guarded=self._guarded):
                return _json({"error": "not for pages of other sites, nor under another name than an address"}, 403)
            try:
                return _json(await answer(request))
            except ValidationError as error:
                return _json({"error": _faults(error)}, 400)
            except web.HTTPException as error:
                return _json({"error": error.text}, error.status)
            except StoreError as error:
                return _json({"error": str(error), "store": error.state}, 503)
            except (SinkError, InvalidSettingsError) as error:
                return _json({"error": f"the stream takes nothing now: {error}"}, 503)

        return handler

    def _stored(
        self, model: type[Asked], answer: Callable[[StoreClient, Asked], Awaitable[Any]], cached_seconds: float = 0
    ) -> _Answer:
        """Make a handler of a function that reads the store; with `cached_seconds`, equal requests share an answer."""

        async def answered(request: web.Request) -> Any:
            asked, store = _read_parameters(request, model), self._needed_store()
            if not cached_seconds:
                return await answer(store, asked)
            return await self._answers.get(asked, lambda: answer(store, asked), cached_seconds)

        return answered

    async def _show_overview(self, request: web.Request) -> Any:
        period = _read_parameters(request, parameters.RangeParameters).period
        live = self._answers.get("live", lambda: read_live(self._checks, self._totals), _LIVE_SECONDS)
        return await self._overview.make(period, live)

    async def _titles(self, _: web.Request) -> Any:
        return self._questions.titles()

    async def _find(self, request: web.Request) -> Any:
        asked = parameters.SearchParameters.model_validate_json(await self._bodies.read_or_refuse(request))
        return await self._finder.search(self._needed_store(), asked)

    def _needed_store(self) -> StoreClient:
        if self._store is None:
            raise web.HTTPNotFound(text="this command has no store")
        return self._store


def _read_parameters(request: web.Request, model: type[Asked]) -> Asked:
    """Read the parameters in a request's query and path; empty ones are left out."""
    given = {**request.query, **request.match_info}
    return model.model_validate({name: text for name, text in given.items() if text})


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in error.errors())


def _read(path: Path) -> _File:
    body = path.read_bytes()
    tag = hashlib.sha256(body).hexdigest()[:24]
    kind = f"{_TYPES[path.suffix]}; charset=utf-8"
    return _File(body, {**_HEADERS, "Content-Type": kind, "Cache-Control": "no-cache", "ETag": f'"{tag}"'})


def _json(data: Any, status: int = 200) -> web.Response:
    headers = {**_HEADERS, "Content-Type": "application/json", "Cache-Control": "no-store"}
    return _compressed(web.Response(status=status, body=orjson.dumps(data), headers=headers))


def _compressed(response: web.Response) -> web.Response:
    response.enable_compression()
    return response
