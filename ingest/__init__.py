"""The top floor: the doors. HTTP receiver, query interface, admin listener, commands and settings."""
