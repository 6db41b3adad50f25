"""`dlrhub find`: prints messages by number, id or reference, with submissions, reports, and advice on the next step."""

from collections.abc import Iterator

import msgspec
import typer

from ingest.commands.store import any_store
from ingest.commands.usage import UsageError
from ingest.connections.clickhouse import Row
from ingest.lookup.find import MOST_MESSAGES, Found, FoundMessage, FoundReport, find
from ingest.settings.accounts import effective_accounts
from ingest.settings.settings import Settings

_CLOCKS = {"provider": "by the provider's clock", "receipt": "by our clock"}
_AGAIN = {
    "temporary": "sending again can help",
    "permanent": "sending again does not help",
    "unknown": "nobody knows whether sending again helps",
}


async def print_found(settings: Settings, what: str, format_name: str) -> bool:
    """Print what was found, and tell whether anything was; raises `UsageError`, and the errors of `any_store`."""
    if format_name not in {"text", "json"}:
        raise UsageError("--format must be text or json")
    async with any_store(settings) as store:
        found = await find(store, what, effective_accounts(settings))
    if format_name == "json":
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        typer.echo("\n".join(text_of(found)).rstrip())
    return bool(found.messages or found.dead_letters)


def text_of(found: Found) -> Iterator[str]:
    """Yield the lines that a person reads."""
    for message in found.messages:
        yield from _message(message)
        yield ""
    if len(found.messages) == MOST_MESSAGES:
        yield f"Only the newest {MOST_MESSAGES} messages are shown: `dlrhub query` finds the others."
    for letter in found.dead_letters:
        yield (
            f"dead letter {letter['id']} of {letter['provider']}/{letter['account']} mentions it; it could not be "
            f"read: {letter['why']} at {letter['location']}, last received {_time(letter['last_received_at'])}"
        )
    if not found.messages and not found.dead_letters:
        yield "nothing found: no report, submission or dead letter has this number, message id or reference"


def _message(found: FoundMessage) -> Iterator[str]:
    message = found.message
    place = ", ".join(filter(None, (message["country"], message["operator"])))
    to = f"{message['recipient']} ({place})" if place else message["recipient"]
    yield f"{message['provider']}/{message['account']}  message {message['message_id'] or '(no id)'} to {to}"
    yield f"  state: {_state(message)}"
    yield f"  submitted: {_submitted(found)}"
    for number, report in enumerate(found.reports, 1):
        yield from _report(number, report)
    for advice in found.advice:
        yield f"  next: {advice}"


def _state(message: Row) -> str:
    reason = f", {message['reason']}" if message["reason"] else ""
    final = "final" if message["final"] else "not final"
    conflict = ", in conflict with another report" if message["conflict"] else ""
    return f"{message['status']}{reason} ({final}{conflict})"


def _submitted(found: FoundMessage) -> str:
    message, submission = found.message, found.submission
    if submission is None:
        return "not known to dlrhub"
    latency = message["latency_seconds"]
    clock = _CLOCKS.get(message["latency_clock"], "")
    decided = f"; decided {float(latency):.1f} s later, {clock}" if latency is not None else ""
    tags = " ".join(f"{name}={value}" for name, value in submission["tags"].items())
    return f"{_time(submission['submitted_at'])}{decided}" + (f"; tags: {tags}" if tags else "")


def _report(number: int, report: FoundReport) -> Iterator[str]:
    row, meaning = report.row, report.meaning
    occurred = f", occurred {_time(row['occurred_at'])}" if row["occurred_at"] else ""
    yield f"  report {number}: {row['status']}, received {_time(row['received_at'])} by {row['source']}{occurred}"
    codes = ", ".join(f"{name} {row[name]}" for name in ("provider_status", "provider_code") if row[name])
    yield f"    said: {codes or 'nothing'}" + (f" ({row['provider_text']})" if row["provider_text"] else "")
    yield f"    means: {meaning.ours}" + (f"; {_AGAIN[meaning.persistence]}" if meaning.persistence else "")
    english = f" ({meaning.english})" if meaning.english else ""
    document = "has no such code" if row["unmapped"] else f"says: {meaning.provider}{english}"
    yield from [f"    the provider's document {document}"] if row["unmapped"] or meaning.provider else []
    yield f"    answered: {report.answered}"
    yield f"    raw: {' '.join(row['raw'].split())}"


def _time(text: str) -> str:
    """Write a time of the store to the second."""
    return f"{text.partition('.')[0]} UTC"
