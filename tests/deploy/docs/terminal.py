"""Runs commands of the documents as a reader would: in a shell, on a terminal, beside a running dlrhub."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.deploy.docs.blocks import ROOT, Command, matches
from tests.program.running import Program

_COMMAND_SECONDS: Final = 120
#: A command that only reads is repeated for this long, until a report is in the store.
_ARRIVAL_SECONDS: Final = 20


class Terminal:
    """A shell in the repository's folder whose `dlrhub` has the settings of a running one."""

    def __init__(self, program: Program) -> None:
        """Replace the default ports in commands by those of `program`."""
        self.program = program
        self._ports = {
            "127.0.0.1:8080": f"127.0.0.1:{program.receiver}",
            "127.0.0.1:8081": f"127.0.0.1:{program.admin}",
            "127.0.0.1:8123": f"127.0.0.1:{program.query_port}",
        }
        self._environment = {
            **os.environ,
            **program.environment,
            "DLRHUB_DATA_DIR": str(program.folder / "dlrhub-data"),
            "PATH": f"{_programs(program.folder)}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TERM": "dumb",
            "COLUMNS": "160",
        }

    def run(self, command: Command) -> None:
        """Run a command, and compare its output with the document's."""
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while True:
            status, output = self._run(command.text)
            if status == 0 and (not command.output or matches(command.output, output)):
                return
            assert _reads(command.text), f"$ {command.text}\nended with {status}:\n{output}"
            assert time.monotonic() < deadline, f"$ {command.text}\nended with {status}:\n{output}"
            time.sleep(0.5)

    def _run(self, text: str) -> tuple[int, str]:
        for printed, real in self._ports.items():
            text = text.replace(printed, real)
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["bash", "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=self._environment,
        ) as process:
            os.close(theirs)
            output = _read(ours)
            status = process.wait(_COMMAND_SECONDS)
        for printed, real in self._ports.items():
            output = output.replace(real, printed)
        return status, output


def _read(terminal: int) -> str:
    chunks = []
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the last writer has closed its end
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(terminal)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def _reads(text: str) -> bool:
    return text.startswith(("dlrhub query", "dlrhub find")) or "127.0.0.1:8123" in text


def _programs(folder: Path) -> Path:
    """Make a folder with a `dlrhub` that runs this working tree."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    script = programs / "dlrhub"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ingest "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return programs
