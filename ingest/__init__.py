"""The top floor: the HTTP receiver, the pollers, the query interface, the admin listener, commands and settings."""
