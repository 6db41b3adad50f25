"""The errors for settings that can't be used."""


class InvalidSettingsError(Exception):
    """The settings can't be used; the text names every fault, in words for the user."""


class SettingError(ValueError):
    """A setting contradicts another one; `key` is its name below the section that raises this, with dots."""

    def __init__(self, key: str, words: str) -> None:
        """Say in words what is wrong with the setting, and what is allowed."""
        super().__init__(words)
        self.key = key
