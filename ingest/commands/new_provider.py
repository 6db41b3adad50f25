"""`dlrhub new-provider`: writes the files of a package for a new provider, ready to fill in."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Final

from ingest.commands.usage import UsageError
from normalizers import PROVIDERS
from normalizers.registry import NAME_PATTERN

_TEMPLATE: Final = files("ingest.commands") / "provider_template"
_SUFFIX: Final = ".template"
_RENAMED: Final = {"codes.csv": "{name}.csv", "gitattributes.template": ".gitattributes"}


def write_provider(name: str, folder: Path) -> Path:
    """Write the package of a provider into `folder`, and return its folder; raises `UsageError`."""
    if NAME_PATTERN.fullmatch(name) is None:
        raise UsageError(f'"{name}" is no name of a provider: use lower-case letters, digits and underscores')
    if name in PROVIDERS:
        raise UsageError(f"there is a provider {name} already")
    package = folder / f"dlrhub-{name}"
    if package.exists():
        raise UsageError(f"{package} exists already")
    for path, content in sorted(_files(_TEMPLATE, Path(), name)):
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return package


def _files(folder: Traversable, path: Path, name: str) -> Iterator[tuple[Path, bytes]]:
    """Yield the path and the content of each file of the template, filled in."""
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry, path / (f"dlrhub_{name}" if entry.name == "package" else entry.name), name)
            continue
        file = _RENAMED.get(entry.name, entry.name.removesuffix(_SUFFIX)).format(name=name)
        text = Template(entry.read_text("utf-8")).substitute(name=name, title=name.replace("_", " ").title())
        if file.endswith(".http"):  # HTTP's lines end in CR and LF
            head, _, body = text.partition("\n\n")
            text = head.replace("\n", "\r\n") + "\r\n\r\n" + body
        yield path / file, text.encode()
