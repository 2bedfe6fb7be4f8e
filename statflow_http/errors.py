"""Every refusal of the HTTP layer: what is wrong. How clients are told is for `front.protocols`."""

from statflow_engine import StatFlowError


class RequestError(StatFlowError):
    """The request cannot be understood, or asks for what is not allowed; the text says what is wanted."""


class MissingStatError(RequestError):
    """A write that names no stat."""


class MissingKeyError(RequestError):
    """No API key anywhere in the request."""


class BadKeyError(RequestError):
    """An API key that is unknown or revoked: nobody is told which."""


class ScopeError(RequestError):
    """A good key that may not do this."""


class NotFoundError(RequestError):
    """Nothing of this name or id belongs to the sender."""


class ForbiddenError(RequestError):
    """What is asked for is not allowed here, whoever asks."""


class TakenError(RequestError):
    """There is one of this name already, or what is asked for does not fit what is there."""


class RetryLaterError(RequestError):
    """Too much of something, which a plan or this server limits.

    Attributes:
        retry_after_s: when it may be tried again; None: waiting does not help.
    """

    def __init__(self, text: str, retry_after_s: int | None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class LengthRequiredError(RequestError):
    """A body without Content-Length, which is never read."""


class TooLargeError(RequestError):
    """More bytes or points than one request may carry."""


class MediaTypeError(RequestError):
    """A body of a type or an encoding that is not understood here."""
