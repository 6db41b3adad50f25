"""Errors of the page's requests."""


class RequestError(Exception):
    """A request that gets this status and the text of the error as its answer."""

    status: int


class NotFoundError(RequestError):
    """The requested thing does not exist."""

    status = 404


class ReplayRunningError(RequestError):
    """Somebody else's replay has not ended."""

    status = 409
