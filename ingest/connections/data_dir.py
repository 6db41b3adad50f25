"""Makes the data folder, and locks it so that no two dlrhubs write the same files."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ingest.settings.errors import InvalidSettingsError


@contextmanager
def locked(folder: Path, parts: Sequence[str]) -> Iterator[None]:
    """
    Make the folder if it is missing, and hold the locks of these parts (receivers, poller, store) during the block.

    Raises `InvalidSettingsError` if it can't be written to, or another dlrhub holds one of the locks.
    """
    with ExitStack() as locks:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = [locks.enter_context((folder / f"{part}.lock").open("w", encoding="ascii")) for part in parts]
        except (FileExistsError, NotADirectoryError):
            raise InvalidSettingsError(f"data_dir = {folder}: is, or lies in, a file: name a folder") from None
        except OSError as error:
            raise InvalidSettingsError(f"data_dir = {folder}: can't be written to: {error.strerror}") from None
        for file in files:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidSettingsError(f"data_dir = {folder}: another dlrhub works in it") from None
        yield
