"""Logs: structlog to standard error, coloured lines on a terminal, JSON elsewhere."""

import logging
import sys
import time
from typing import Any, Final

import structlog

_SELDOM_SECONDS: Final = 10.0
#: The keys with which every line begins.
_FIRST_KEYS: Final = ("timestamp", "level", "process", "event")


def set_up(process: str) -> None:
    """Log what this process says, and what the libraries under it warn of, under the name `process`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(sort_keys=False)
        if terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _in_order, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, renderer],
        )
    )
    handler.addFilter(_Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def silence() -> None:
    """Log nothing in this process, neither our own lines nor the libraries'."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _in_order(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put what every line has before what only this one has."""
    return {**{name: event[name] for name in _FIRST_KEYS if name in event}, **event}


class _Seldom(logging.Filter):
    """Lets one line of a kind through every ten seconds: a library that tries again says so each time."""

    def __init__(self) -> None:
        super().__init__()
        self._next_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now < self._next_at.get(kind, 0.0):
            return False
        self._next_at[kind] = now + _SELDOM_SECONDS
        return True


class SeldomLog:
    """
    A log for what strangers can bring about as often as they like.

    Of lines of one kind one is written every ten seconds, and says how many were held back. Kinds are bounded: an event
    of a provider and an account, for a reason.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        """Write to `log`."""
        self._log = log
        self._next_at: dict[tuple[str, ...], float] = {}
        self._held: dict[tuple[str, ...], int] = {}

    def warning(self, event: str, *, provider: str = "", account: str = "", why: str = "", **fields: Any) -> None:
        """Write a warning, or hold it back."""
        kind = (event, provider, account, why)
        now = time.monotonic()
        if now < self._next_at.get(kind, 0.0):
            self._held[kind] = self._held.get(kind, 0) + 1
            return
        self._next_at[kind] = now + _SELDOM_SECONDS
        named = {"provider": provider, "account": account, **({"why": why} if why else {}), **fields}
        held_back = self._held.pop(kind, 0)
        self._log.warning(event, **named, **({"held_back": held_back} if held_back else {}))
