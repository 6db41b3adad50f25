"""Reprocessing: dead letters and stored reports are parsed again with today's normalizers, code tables and settings."""
