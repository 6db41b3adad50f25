"""
Describes the faults of the settings to the user.

A description names the place (the file and the line, or the variable), the setting, its value, and what is allowed. A
value that may be a secret is never shown.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ingest.settings.errors import SettingError
from ingest.settings.lines import KeyPath, key_lines
from ingest.settings.settings import Settings
from ingest.settings.values import closest, did_you_mean

PREFIX: Final = "DLRHUB_"
_LONGEST_SHOWN: Final = 60
#: The allowed values in pydantic's text.
_QUOTED: Final = re.compile(r"'([^']*)'")
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
#: Our words for pydantic's error types; `{...}` is filled in from the error's own context.
_TYPES: Final = {
    "is missing": "missing",
    "must be true or false": "bool_type bool_parsing",
    "must be a whole number": "int_type int_parsing int_from_float",
    "must be a number": "float_type float_parsing finite_number",
    "must be more than {gt}": "greater_than",
    "must be at least {ge}": "greater_than_equal",
    "must be less than {lt}": "less_than",
    "must be at most {le}": "less_than_equal",
    "must be text in quotes": "string_type",
    "must be a path in quotes": "path_type",
    "must not be empty": "string_too_short too_short",
    "must have at most {max_length} characters": "string_too_long too_long",
    "must be one of {expected}": "literal_error enum",
    "must be a list in square brackets": "tuple_type",
    "must be a table": "dict_type model_type model_attributes_type",
}
_WORDS: Final = {kind: words for words, kinds in _TYPES.items() for kind in kinds.split()}


@dataclass(frozen=True)
class Sources:
    """The sources of the settings: a file with its text and its values, and the environment."""

    file: str
    text: str
    given: Mapping[str, Any]
    environment: Mapping[str, str]

    def place(self, path: KeyPath) -> str:
        """Return the variable that gave a setting, else the line of the file, else the file."""
        variables = self._variables(path)
        if variables:
            return variables[0]
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return f"{self.file}, line {self._lines[path[:end]]}"
        return self.file if self.text else "settings"

    def value(self, path: KeyPath) -> Any:
        """Return the value of a setting from its variable, else from the file, else None."""
        variable = PREFIX + "__".join(map(str, path)).upper()
        for name, text in self.environment.items():
            if name.upper() == variable:
                return text
        value: Any = self.given
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _variables(self, path: KeyPath) -> list[str]:
        """Return the variables that set this path, a table around it, or a part of it."""
        names = {name.upper(): name for name in self.environment if name.upper().startswith(PREFIX)}
        wanted = [PREFIX + "__".join(map(str, path[:end])).upper() for end in range(len(path), 0, -1)]
        inside = [name for name in names if name.startswith(f"{wanted[0]}__")] if wanted else []
        return [names[name] for name in (*wanted, *inside) if name in names]

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return key_lines(self.text)


def faults_of(error: ValidationError, sources: Sources) -> Iterator[str]:
    """Yield a description of every fault that pydantic found, each once."""
    told = (_fault(detail, sources) for detail in error.errors(include_url=False))
    yield from dict.fromkeys(told)


def unknown_variables(environment: Iterable[str]) -> Iterator[str]:
    """Yield a fault for every variable that has dlrhub's prefix and is no setting."""
    for variable in environment:
        name = variable.upper().removeprefix(PREFIX).partition("__")[0].lower()
        if variable.upper().startswith(PREFIX) and name not in Settings.model_fields:
            meant = closest(name, Settings.model_fields)
            hint = f"; did you mean {PREFIX}{meant.upper()}?" if meant else ""
            yield f"{variable}: there is no such setting{hint}"


def _fault(detail: ErrorDetails, sources: Sources) -> str:
    path, words = _explained(detail)
    given = sources.value(path)
    shown = f" = {_shown(given)}" if given is not None and _may_show(path) else ""
    return f"{sources.place(path)}: {_name(path, sources)}{shown}: {words}"


def _explained(detail: ErrorDetails) -> tuple[KeyPath, str]:
    """Return the path of the setting that is at fault, and a description of the fault."""
    path, context = tuple(detail["loc"]), detail.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, SettingError):
        keys = (int(key) if key.isdigit() else key for key in cause.key.split("."))
        return (*path, *keys), str(cause)
    if cause is not None:
        return path, str(cause)
    if detail["type"] == "extra_forbidden":
        return path, _unknown(path)
    if path == ("accounts",):
        return path, "must be a list of tables: begin each account with [[accounts]]"
    words = _WORDS.get(detail["type"])
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    hint = did_you_mean(str(detail["input"]), _QUOTED.findall(context["expected"])) if "expected" in context else ""
    return path, (detail["msg"] if words is None else words.format(**shown)) + hint


def _unknown(path: KeyPath) -> str:
    """Return the words for an unknown setting, with the one that may have been meant."""
    model = _model(path[:-1]) or Settings
    given, known = str(path[-1]), list(model.model_fields)
    hint = did_you_mean(given, known) or _belongs_in(given) or f"; there are {', '.join(known)}"
    return f"there is no such setting{hint}"


def _belongs_in(given: str) -> str:
    """Name the tables that have a setting of this name."""
    models = {name: _model((name,)) for name in Settings.model_fields}
    tables = [name for name, model in models.items() if model is not None and given in model.model_fields]
    headers = ["[[accounts]]" if name == "accounts" else f"[{name}]" for name in tables]
    return f"; it belongs in {' or '.join(headers)}" if headers else ""


def _model(path: KeyPath) -> type[BaseModel] | None:
    """Return the model of the table at a path; None if there is no table."""
    return _model_in(_annotation(path))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return next((part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _annotation(path: KeyPath) -> Any:
    """Return the declared type of the setting at a path; None if there is no such setting."""
    annotation: Any = Settings
    for key in path:
        if isinstance(key, int):
            continue
        if get_origin(annotation) is dict:  # the key is a name that the user chose
            annotation = get_args(annotation)[1]
            continue
        model = _model_in(annotation)
        if model is None or key not in model.model_fields:
            return None
        annotation = model.model_fields[key].annotation
    return annotation


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield a type and the types that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _may_show(path: KeyPath) -> bool:
    """Tell whether a setting is known, and neither a secret nor a table that may hold some."""
    annotation = _annotation(path)
    return annotation is not None and not any(
        isinstance(part, type) and issubclass(part, SecretStr | BaseModel) for part in _parts(annotation)
    )


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return f'"{cut}"' if isinstance(value, str) else cut


def _name(path: KeyPath, sources: Sources) -> str:
    """Return a setting's name, with the account in words: `poll.url of cm/acme`."""
    account = path[1] if len(path) > 1 and path[0] == "accounts" else None
    keys = path if account is None else path[2:]
    name = ".".join(str(key) for key in keys if not isinstance(key, int))
    if not isinstance(account, int):
        return name or "settings"
    return f"{name} of {_account(account, sources)}" if name else _account(account, sources)


def _account(index: int, sources: Sources) -> str:
    given = sources.value(("accounts", index))
    ordinal = _ORDINALS[index] if index < len(_ORDINALS) else f"{index + 1}th"
    provider = given.get("provider") if isinstance(given, Mapping) else None
    name = given.get("name", "default") if isinstance(given, Mapping) else None
    return f"the {ordinal} account" + (f" ({provider}/{name})" if isinstance(provider, str) else "")
