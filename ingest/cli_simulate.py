"""The command `simulate` and its options."""

import sys
from typing import Annotated, Final

import typer

from ingest.cli_shared import Config, explained
from ingest.commands.usage import UsageError
from ingest.settings.loading import load

#: The default of `--fail`: an outage of one provider.
_OUTAGES: Final = ["juhe=0.4"]

Rate = Annotated[float, typer.Option(min=0, metavar="N", help="Callbacks a second; 0: as fast as possible.")]
Count = Annotated[int, typer.Option(min=1, metavar="N", help="How many callbacks.")]
Days = Annotated[
    float, typer.Option(min=0, metavar="N", help="Spread submissions and providers' times over so many past days.")
]
Seed = Annotated[int, typer.Option(metavar="N", help="The same seed makes the same traffic.")]
Providers = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Play only this provider (repeatable).")]
Failing = Annotated[
    list[str], typer.Option(metavar="PROVIDER=SHARE", help="Share of failures, most for one reason (repeatable).")
]
Malformed = Annotated[float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of unreadable callbacks.")]
Submit = Annotated[bool, typer.Option(help="Post a submission for each message before its reports.")]
Url = Annotated[str, typer.Option(metavar="URL", help="The receiver (default: by the settings).")]
AdminUrl = Annotated[str, typer.Option(metavar="URL", help="For submissions (default: by the settings).")]
QueryUrl = Annotated[str, typer.Option(metavar="URL", help="The store (default: by the settings).")]
Account = Annotated[str, typer.Option(metavar="NAME", help="Account to post to (default: the first in the settings).")]
Secret = Annotated[str, typer.Option(metavar="SECRET", help="Its path secret (default: by the settings).")]
Concurrency = Annotated[int, typer.Option(min=1, metavar="N", help="Connections to the receiver.")]
Wait = Annotated[float, typer.Option(min=0, metavar="N", help="Seconds to wait while the store gains no rows.")]
ServePull = Annotated[str, typer.Option(metavar="HOST:PORT", help="Instead, play the polled providers there.")]
PullFaults = Annotated[float, typer.Option(min=0, max=1, metavar="SHARE", help="Share of requests answered wrongly.")]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="table or json")]


@explained
def simulate(
    *,
    config: Config = None,
    rate: Rate = 200,
    count: Count = 2000,
    days: Days = 0,
    seed: Seed = 1,
    provider: Providers = None,
    fail: Failing = _OUTAGES,
    malformed: Malformed = 0.01,
    submit: Submit = True,
    url: Url = "",
    admin_url: AdminUrl = "",
    query_url: QueryUrl = "",
    account: Account = "",
    secret: Secret = "",
    concurrency: Concurrency = 16,
    wait: Wait = 30,
    serve_pull: ServePull = "",
    pull_faults: PullFaults = 0.05,
    output_format: Format = "table",
) -> None:
    """
    Act as the providers, and check what is stored.

    The command posts submissions and callbacks to a running dlrhub, and then compares all that was acknowledged with
    the store. The exit status is 1 if they differ, 2 if dlrhub can't be reached.
    """
    from ingest.simulation.run import Options, read_shares, run_simulation
    from ingest.simulation.serve_pull import run_pull_server

    settings = load(config)
    if serve_pull:
        run_pull_server(settings, serve_pull, faults=pull_faults, reports_per_second=rate / 20, seed=seed)
        return
    if output_format not in {"table", "json"}:
        raise UsageError("--format must be table or json")
    options = Options(
        per_second=rate, callbacks=count, days=days, seed=seed, providers=tuple(provider or ()),
        failing=read_shares(fail), malformed=malformed, submits=submit, url=url, admin_url=admin_url,
        query_url=query_url, account=account, secret=secret, concurrency=concurrency, wait_seconds=wait,
    )  # fmt: skip
    sys.exit(run_simulation(settings, options, as_json=output_format == "json"))
