"""Finds a message by its number, id or reference, with all that was said of it and what to do next."""
