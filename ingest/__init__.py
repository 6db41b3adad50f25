"""The top floor: the doors. HTTP receiver, query door, admin door, commands and settings."""
