"""Reads the files of `deploy/`, the settings and the commands, to compare them."""

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


def documents(path: Path) -> Sequence[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def variables(path: Path, *, examples_too: bool = False) -> dict[str, str]:
    """Return the variables in an env file; `examples_too` adds the commented ones."""
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


def assert_is_a_command(arguments: Sequence[str]) -> None:
    """Fail unless `dlrhub` accepts these arguments."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    name, *rest = arguments
    group.commands[name].make_context(name, rest)
