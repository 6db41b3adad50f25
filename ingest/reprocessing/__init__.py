"""Parses dead letters and stored reports again with today's normalizers, code tables and settings."""
