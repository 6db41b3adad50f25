"""Reads the settings: `dlrhub.toml` (or `--config`), and variables `DLRHUB_SECTION__NAME`, which take precedence."""

import os
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import SettingsError

from ingest.settings.errors import InvalidSettingsError
from ingest.settings.faults import Sources, faults_of, unknown_variables
from ingest.settings.settings import Settings

DEFAULT_FILE: Final = Path("dlrhub.toml")


def load(path: Path | None = None) -> Settings:
    """
    Read the settings from `path` (default: `dlrhub.toml` if it exists) and the environment, which takes precedence.

    Raises an `InvalidSettingsError` that names all faults.
    """
    file = path or DEFAULT_FILE
    text = _read(file) if path is not None or file.exists() else ""
    sources = Sources(file=str(file), text=text, given=_parse(file, text), environment=os.environ)
    faults = list(unknown_variables(os.environ))
    try:
        settings = Settings(**sources.given)
    except ValidationError as error:
        faults += faults_of(error, sources)
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0]  # pydantic-settings quotes the name of the field
        faults += [f"DLRHUB_{field.upper()}: must be JSON: the tables and lists of the settings file written as JSON"]
    else:
        if not faults:
            return settings
    raise InvalidSettingsError(_message(faults))


def _read(file: Path) -> str:
    if file.is_dir():
        raise InvalidSettingsError(f"{file}: is a folder; name a settings file")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidSettingsError(f"{file}: there is no such file") from None
    except UnicodeDecodeError:
        raise InvalidSettingsError(f"{file}: is not UTF-8 text") from None
    except OSError as error:
        raise InvalidSettingsError(f"{file}: can't be read: {error.strerror}") from None


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettingsError(f"{file}: is not TOML: {error}") from None


def _message(faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return "\n  ".join([f"{len(faults)} settings are wrong:", *faults])
