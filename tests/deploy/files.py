"""The files of `deploy/`, as the tests read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import typer.main
import yaml
from pydantic import BaseModel
from typer.core import TyperGroup

from ingest.cli import app
from ingest.settings.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
#: Files that `deploy/` names before they exist: `test_coming.py` says when to take it out.
COMING_COMMANDS: set[str] = set()
COMING_SECTIONS: set[str] = set()
COMING_MOUNTS: set[str] = set()


def documents(path: Path) -> Sequence[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def variables(path: Path, *, examples_too: bool = False) -> dict[str, str]:
    """Return what an env file sets; `examples_too` adds what is commented out."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.removeprefix("#" if examples_too else "").partition("=") for line in lines)
    return {name: value for name, equals, value in pairs if equals and name.isupper() and " " not in name}


def setting_names(model: type[BaseModel] = Settings, prefix: str = "DLRHUB_") -> set[str]:
    """Return the environment variables that the settings are read from."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kinds = get_args(field.annotation) if type(None) in get_args(field.annotation) else (field.annotation,)
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if sections:
            names |= setting_names(sections[0], f"{prefix}{name.upper()}__")
        else:
            names.add(prefix + name.upper())
    return names


def has_command(name: str) -> bool:
    """Whether `dlrhub` has a command of that name."""
    return name in _group().commands


def assert_is_a_command(arguments: Sequence[str]) -> None:
    """Fail where `dlrhub` would not take these arguments."""
    name, *rest = arguments
    if name not in COMING_COMMANDS:
        _group().commands[name].make_context(name, rest)


def _group() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group
