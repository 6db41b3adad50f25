"""A file that was named before it existed is checked like all others as soon as it does."""

from ingest.settings.settings import Settings
from tests.deploy.files import COMING_COMMANDS, COMING_MOUNTS, COMING_SECTIONS, DEPLOY, has_command


def test_nothing_that_is_there_is_still_to_come() -> None:
    """A command, a section of the settings or a folder that is there is struck from the lists in `files.py`."""
    assert [name for name in COMING_COMMANDS if has_command(name)] == []
    assert [name for name in COMING_SECTIONS if name in Settings.model_fields] == []
    assert [mount for mount in COMING_MOUNTS if (DEPLOY / mount).exists()] == []
