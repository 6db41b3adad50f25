"""Resources that a program uses: memory and file descriptors of its processes, and its lag."""

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.faults import children
from tests.program.running import Program

_MIB = 1024


@dataclass(frozen=True)
class Sample:
    """One look: resident memory in MiB, open descriptors, and records that wait (-1 where it can't be read)."""

    seconds: float
    memory_mib: float
    descriptors: int
    lag: int


def take(program: Program, seconds: float) -> Sample:
    """Look at all processes of a program, `seconds` after the beginning."""
    assert program.process is not None
    numbers = [program.process.pid, *children(program)]
    return Sample(seconds, sum(map(_memory_mib, numbers)), sum(map(_descriptors, numbers)), lag(program))


def lag(program: Program) -> int:
    """Return `dlr_stream_lag_records`, or -1 if it can't be read now."""
    found = program.metric("dlr_stream_lag_records")
    return -1 if math.isnan(found) else int(found)


def _memory_mib(number: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{number}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / _MIB
    return 0.0


def _descriptors(number: int) -> int:
    with suppress(OSError):
        return len(list(Path(f"/proc/{number}/fd").iterdir()))
    return 0
