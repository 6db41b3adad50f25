"""The faults: each takes something away for some seconds, and brings it back."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial

from tests.program.running import Program
from tests.sinks.kafka.broker import Broker

FROZEN_SECONDS = 3.0

#: Faults of one part; each is over when its function returns.
Fault = Callable[[], None]


def faults_of(program: Program, broker: Broker | None = None) -> Mapping[str, Fault]:
    """Return the faults that a program (and its Kafka) can have."""
    found: dict[str, Fault] = {
        "kill the receiver": partial(_signal_part, program, "child receiver", signal.SIGKILL),
        "kill the store process": partial(_signal_part, program, "child store", signal.SIGKILL),
        "freeze the store process": partial(_freeze_part, program, "child store"),
        "kill everything": partial(_kill, program),
        "freeze the receiver": partial(_freeze_part, program, "child receiver"),
        "stop and start": partial(_restart, program),
    }
    if broker is not None:
        found |= {"kill Kafka": partial(_kill_broker, broker), "freeze Kafka": partial(_freeze_broker, broker)}
    return found


def children(program: Program) -> Mapping[int, str]:
    """Return the command line of each child process, by its id."""
    assert program.process is not None
    shown = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(program.process.pid)], capture_output=True, text=True, check=False
    )
    lines = (line.strip().partition(" ") for line in shown.stdout.splitlines())
    return {int(number): arguments for number, _, arguments in lines}


def _signal_part(program: Program, part: str, signum: signal.Signals) -> None:
    found = [number for number, arguments in children(program).items() if part in arguments]
    assert found, f"no process of {part!r} runs"
    for number in found:
        os.kill(number, signum)


def _freeze_part(program: Program, part: str) -> None:
    _signal_part(program, part, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    _signal_part(program, part, signal.SIGCONT)


def _kill(program: Program) -> None:
    program.kill()
    program.start()


def _restart(program: Program) -> None:
    assert program.stop() == 0, program.log.read_text()[-2000:]
    program.start()


def _kill_broker(broker: Broker) -> None:
    broker.kill()
    time.sleep(FROZEN_SECONDS)
    broker.start()


def _freeze_broker(broker: Broker) -> None:
    broker.pause()
    time.sleep(FROZEN_SECONDS)
    broker.resume()
