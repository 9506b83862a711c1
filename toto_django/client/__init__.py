"""A client in Python, plain and asynchronous, over httpx (docs/python-client.md).

Needs the extra ``client``; neither settings nor a configured Django.
"""

from toto_django.client.http import AsyncClient, Client
from toto_django.client.socket import Socket, SocketMessage
from toto_django.remote.batches import Batch, BatchMember
from toto_django.remote.errors import (
    AnswerTooLarge,
    CallTimeout,
    ConnectionLost,
    HTTPStatusError,
    InvalidAnswer,
    InvalidHMAC,
    InvalidMethod,
    InvalidParameters,
    InvalidResponseHMAC,
    InvalidSessionID,
    InvalidUserID,
    MissingMethod,
    MissingParameters,
    NetworkError,
    NotAuthorized,
    NotConnected,
    RateLimited,
    RemoteError,
    RequestError,
    ServerError,
    TimedOut,
    TooLarge,
    TotoError,
    Unavailable,
    UserIDExists,
    UserNotFound,
)
from toto_django.remote.session import Session

__all__ = [
    "AnswerTooLarge",
    "AsyncClient",
    "Batch",
    "BatchMember",
    "CallTimeout",
    "Client",
    "ConnectionLost",
    "HTTPStatusError",
    "InvalidAnswer",
    "InvalidHMAC",
    "InvalidMethod",
    "InvalidParameters",
    "InvalidResponseHMAC",
    "InvalidSessionID",
    "InvalidUserID",
    "MissingMethod",
    "MissingParameters",
    "NetworkError",
    "NotAuthorized",
    "NotConnected",
    "RateLimited",
    "RemoteError",
    "RequestError",
    "ServerError",
    "Session",
    "Socket",
    "SocketMessage",
    "TimedOut",
    "TooLarge",
    "TotoError",
    "Unavailable",
    "UserIDExists",
    "UserNotFound",
]
