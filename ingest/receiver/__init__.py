"""The receiver: an HTTP request's way from the socket to the provider's acknowledgement."""
