"""The errors for settings that can't be used."""


class InvalidSettingsError(Exception):
    """The settings can't be used; the text names every fault in the user's terms."""


class SettingError(ValueError):
    """
    A setting contradicts another one; the text says what is allowed.

    `key` is the setting's name within the section that raises this, with dots.
    """

    def __init__(self, key: str, words: str) -> None:
        super().__init__(words)
        self.key = key
