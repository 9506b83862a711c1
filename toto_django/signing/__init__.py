"""Signing schemes: a keyed hash of each request and answer in ``x-toto-hmac`` (docs/signing.md)."""

from toto_django.signing.base import Proof, Scheme, SignedRequest, SignedSession, sign
from toto_django.signing.schemes import SCHEMES, current_scheme, scheme_of
from toto_django.signing.v2 import SUFFIX

__all__ = [
    "SCHEMES",
    "SUFFIX",
    "Proof",
    "Scheme",
    "SignedRequest",
    "SignedSession",
    "current_scheme",
    "scheme_of",
    "sign",
]
