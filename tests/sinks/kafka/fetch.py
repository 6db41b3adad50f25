"""
Downloads Apache Kafka's jars through Maven: `python tests/sinks/kafka/fetch.py` prints their folder.

`pom.xml` names the version. They are downloaded once, into `.cache/kafka/<version>`, unless the environment variable
`KAFKA_JARS` names a folder of jars.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
CACHE = POM.parents[3] / ".cache" / "kafka"


class KafkaMissingError(Exception):
    """Kafka can't be had on this machine; the text says why."""


def fetch() -> Path:
    """Return the folder with Kafka's jars; raises `KafkaMissingError` if Java, or a needed Maven, is missing."""
    if shutil.which("java") is None:
        raise KafkaMissingError("Kafka needs Java 17 or later: no `java` on the PATH")
    if folder := os.environ.get("KAFKA_JARS"):
        return Path(folder)
    jars = CACHE / _version()
    if not jars.exists():
        _download(jars)
    return jars


def _version() -> str:
    version = re.search("<version>(.+)</version>", POM.read_text(encoding="utf-8"))
    assert version
    return version[1]


def _download(jars: Path) -> None:
    if shutil.which("mvn") is None:
        raise KafkaMissingError(f"Kafka is not in {jars} and can't be fetched: no `mvn` on the PATH")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        _run_maven("-DincludeScope=runtime", f"-DoutputDirectory={scratch}/jars")
        try:
            Path(scratch, "jars").rename(jars)
        except OSError:
            if not jars.exists():  # another run was first
                raise


def _run_maven(*options: str) -> None:
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(POM), "dependency:copy-dependencies", *options]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=1200
    )
    if done.returncode:
        raise KafkaMissingError(f"Maven could not fetch Kafka:\n{done.stdout}")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{fetch()}\n")
    except KafkaMissingError as missing:
        sys.exit(str(missing))
