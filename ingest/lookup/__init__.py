"""Finds a message by its number, id or reference, with its reports, their meaning, and advice on what to do next."""
