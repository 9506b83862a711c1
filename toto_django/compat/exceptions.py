"""``toto.exceptions``: the exceptions of this package, and the names of Toto's codes.

New code raises the exceptions by name: ``NotAuthorized()``, not ``TotoException(ERROR_NOT_AUTHORIZED, ...)``.
"""

from toto_django import exceptions
from toto_django.exceptions import *  # noqa: F403

ERROR_SERVER = 1000
ERROR_INVALID_METHOD = 1001
ERROR_MISSING_METHOD = 1002
ERROR_MISSING_PARAMS = 1003
ERROR_NOT_AUTHORIZED = 1004
ERROR_USER_NOT_FOUND = 1005
ERROR_USER_ID_EXISTS = 1006
ERROR_INVALID_SESSION_ID = 1007
ERROR_INVALID_HMAC = 1008
ERROR_INVALID_RESPONSE_HMAC = 1009
ERROR_INVALID_USER_ID = 1010

__all__ = [
    "ERROR_INVALID_HMAC",
    "ERROR_INVALID_METHOD",
    "ERROR_INVALID_RESPONSE_HMAC",
    "ERROR_INVALID_SESSION_ID",
    "ERROR_INVALID_USER_ID",
    "ERROR_MISSING_METHOD",
    "ERROR_MISSING_PARAMS",
    "ERROR_NOT_AUTHORIZED",
    "ERROR_SERVER",
    "ERROR_USER_ID_EXISTS",
    "ERROR_USER_NOT_FOUND",
]
__all__ += exceptions.__all__
