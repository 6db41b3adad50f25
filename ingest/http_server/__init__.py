"""The HTTP server of all three listeners: bounded connections, TLS, and logs without the content of requests."""
