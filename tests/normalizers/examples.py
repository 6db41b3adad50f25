"""The example requests of this repository: `tests/payloads/<provider>/<case>.http`."""

from pathlib import Path
from typing import Final

from normalizers.testing.examples import Example, read_examples

PAYLOADS: Final = Path(__file__).parent.parent / "payloads"
CODES: Final = Path(__file__).parent.parent / "codes"


def examples(provider: str = "*") -> list[Example]:
    """Return every example request of a provider, or of all."""
    return [example for folder in sorted(PAYLOADS.glob(provider)) for example in read_examples(folder, folder.name)]
