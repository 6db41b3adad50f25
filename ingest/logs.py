"""Logs: structlog to standard error, coloured lines on a terminal, JSON elsewhere."""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import structlog

from normalizers.secrets import NO_SECRETS, SecretMask

_SELDOM_SECONDS: Final = 10.0
#: The fields that every line begins with.
_FIRST_KEYS: Final = ("timestamp", "level", "process", "event")
#: The fields that tell one kind of line from another.
_KIND: Final = ("provider", "account", "why", "cause")


def set_up(process: str, mask: SecretMask = NO_SECRETS) -> None:
    """
    Log this process's lines, and the libraries' warnings, under the name `process`.

    Secrets that `mask` knows are masked in every line.
    """

    def masked(_: Any, __: str, line: Any) -> str:
        return mask.text(line)

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal = structlog.dev.ConsoleRenderer(sort_keys=False)
    renderer = on_terminal if sys.stderr.isatty() else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _in_order, renderer, masked],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, renderer, masked],
        )
    )
    pace = _Pace()  # a library that retries logs each try
    handler.addFilter(lambda record: pace.passed((record.name, str(record.msg))) is not None)
    handler.addFilter(_without_payload)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def silence() -> None:
    """Log nothing in this process, neither our own lines nor the libraries'."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _in_order(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Move the fields that every line has to its beginning."""
    return {**{name: event[name] for name in _FIRST_KEYS if name in event}, **event}


def _without_payload(record: logging.LogRecord) -> bool:
    """
    Remove the parts of a library's line that may repeat a request: exception texts, and arguments of aiohttp's lines.

    The text of a parser's error holds the request's line, headers and body, with secrets and phone numbers in them.
    """
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.msg}: {type(record.exc_info[1]).__name__}"
        record.exc_info = record.exc_text = None
    if record.name.startswith("aiohttp"):
        record.args = ()
    return True


class _Pace:
    """Lets one event of each kind pass every ten seconds, and counts the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at: dict[tuple[str, ...], float] = {}
        self._held: Counter[tuple[str, ...]] = Counter()

    def passed(self, kind: tuple[str, ...]) -> int | None:
        """Let an event pass, and return how many were held back since the last; None if it has to wait."""
        now = self._clock()
        if now < self._next_at.get(kind, 0.0):
            self._held[kind] += 1
            return None
        self._next_at[kind] = now + _SELDOM_SECONDS
        return self._held.pop(kind, 0)


class SeldomLog:
    """
    A log for events that strangers can cause as often as they like.

    It writes one line of each kind every ten seconds, with the number of lines that it left out since the last one. A
    kind is an event with its provider, account, reason and cause, so there are few kinds.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._pace = _Pace(clock)

    def warning(self, event: str, **fields: Any) -> None:
        """Write a warning, unless one of its kind was written in the last ten seconds."""
        held_back = self._pace.passed((event, *(str(fields.get(name, "")) for name in _KIND)))
        if held_back is not None:
            self._log.warning(event, **fields, **({"held_back": held_back} if held_back else {}))
