"""The files of `deploy/` set only settings that the program has, and `env.example` names all of them."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from ingest.settings.loading import load
from ingest.settings.settings import Settings
from tests.deploy.files import DEPLOY, documents, setting_names, variables

_EXAMPLE = DEPLOY / "env.example"
Read = Callable[[Mapping[str, str]], Settings]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Read:
    """Read settings from these variables alone."""

    def read_alone(settings: Mapping[str, str]) -> Settings:
        for name in [name for name in os.environ if name.startswith("DLRHUB_")]:
            monkeypatch.delenv(name)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        return load()

    return read_alone


def test_every_variable_is_a_setting() -> None:
    """Every `DLRHUB_` variable in a file is a setting."""
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".md"]
    named = {name for path in files for name in re.findall(r"\bDLRHUB_[A-Z0-9_]+", path.read_text(encoding="utf-8"))}
    assert named - setting_names() == set()


def test_every_setting_is_in_the_example() -> None:
    """The example names every setting there is."""
    assert setting_names() - variables(_EXAMPLE, examples_too=True).keys() == set()


@pytest.mark.parametrize("examples_too", [False, True])
def test_the_example_can_be_used(read: Read, *, examples_too: bool) -> None:
    """The program accepts the example as it stands, and with all commented lines."""
    settings = read(variables(_EXAMPLE, examples_too=examples_too))
    assert [account.provider for account in settings.accounts] == ["cm", "santo"]


def test_kubernetes_settings_can_be_used(read: Read) -> None:
    """The program accepts the ConfigMap and the Secret, and its listeners can be reached from outside the pod."""
    [config] = documents(DEPLOY / "kubernetes" / "settings.yaml")
    [secret] = documents(DEPLOY / "kubernetes" / "secret.example.yaml")
    settings = read(config["data"] | secret["stringData"])
    assert (settings.receiver_listen, settings.admin.listen) == ("0.0.0.0:8080", "0.0.0.0:8081")


@pytest.mark.parametrize("part", ["ingest", "drain", "poll", "migrate"])
def test_compose_settings_can_be_used(read: Read, part: str) -> None:
    """The program accepts the settings that compose gives to each part."""
    [compose] = documents(DEPLOY / "compose.yaml")
    example = variables(_EXAMPLE)
    settings = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: example[match[1]], value)
        for name, value in compose["services"][part]["environment"].items()
    }
    assert read(settings).accounts


@pytest.mark.parametrize("network", ["host", "published"])
def test_the_containers_ports_can_be_reached(read: Read, network: str) -> None:
    """With the settings of the README's `docker run` commands, receiver and status page can be reached."""
    text = (DEPLOY / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    recipes = [shlex.split(line) for line in text.splitlines() if line.startswith("docker run ")]
    [recipe] = [recipe for recipe in recipes if ("--network" in recipe) == (network == "host")]
    given = dict(value.split("=", 1) for option, value in pairwise(recipe) if option == "--env")
    settings = read(given)
    assert settings.receiver_listen == "0.0.0.0:8080"
    if network == "published":
        published = {value.rpartition(":")[2] for option, value in pairwise(recipe) if option == "--publish"}
        assert published == {"8080", settings.admin.listen.rpartition(":")[2]}
        assert settings.admin.listen.startswith("0.0.0.0:")
