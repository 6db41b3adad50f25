"""Makes a mask of all secrets in the settings, which keeps them out of dead letters and logs."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from normalizers import PROVIDERS
from normalizers.secrets import SecretMask


def secret_mask(settings: BaseModel) -> SecretMask:
    """Return a mask of every secret in the settings, and of the fields in which providers send theirs."""
    return SecretMask(known_secrets(settings), (field for known in PROVIDERS.values() for field in known.secret_fields))


def known_secrets(value: object) -> Iterator[str]:
    """Yield every secret in a section of the settings, at any depth; of a URL, the password."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        yield unquote(urlsplit(text).password or "") if "://" in text else text
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from known_secrets(getattr(value, name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from known_secrets(part)
    elif isinstance(value, dict):
        yield from known_secrets(list(value.values()))
