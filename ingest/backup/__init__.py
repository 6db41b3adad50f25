"""Backups of an embedded installation: made while it runs, and restored into an empty folder."""
