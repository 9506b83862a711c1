"""Calls to the test service through Django's two handlers, and signatures made without the package's help."""

import base64
import hashlib
import hmac
import json
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

PASSWORD = "correct horse battery"


class Login(NamedTuple):
    """What a client keeps of a login; ``key`` only under the scheme "session_key"."""

    session_id: str
    user_id: str
    expires: float
    key: str | None = None


class Service:
    """The test service behind one handler, "wsgi" or "asgi"; cookies last as long as the object."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.client = Client() if kind == "wsgi" else AsyncClient()

    def __repr__(self) -> str:
        return f"<Service {self.kind}>"

    def send(self, verb: str, target: str = "/", body: bytes = b"", **headers: str) -> Any:
        """The response. The keyword ``x_toto_hmac`` is the header x-toto-hmac."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        # Django's factories send the content type of a body, and none without a body.
        content_type = names.pop("content-type", "application/json") if body else ""
        if self.kind == "wsgi":
            return self.client.generic(verb, target, body, content_type, headers=names)

        async def sent() -> Any:
            response = await self.client.generic(verb, target, body, content_type, headers=names)  # type: ignore[misc]
            if response.streaming:
                response.chunks = [chunk async for chunk in response.streaming_content]
            return response

        return async_to_sync(sent)()

    def post(self, value: Any, target: str = "/", **headers: str) -> Any:
        """The response to a JSON body."""
        return self.send("POST", target, json.dumps(value).encode(), **headers)

    def call(self, method: str, parameters: Any = None, login: Login | None = None) -> Any:
        """The decoded answer, None for an empty one; signed (scheme "user_id") where there is a login."""
        body = envelope(method, parameters)
        headers = {} if login is None else signed(login, body)
        response = self.send("POST", "/", body, **headers)
        assert response.status_code == 200, response.content
        return json.loads(response.content) if response.content else None

    def batch(self, members: Any, login: Login | None = None) -> Any:
        """The decoded answer to a batch."""
        body = json.dumps({"batch": members}).encode()
        headers = {} if login is None else signed(login, body)
        response = self.send("POST", "/", body, **headers)
        assert response.status_code == 200, response.content
        return json.loads(response.content)

    def create(self, user_id: str = "anna", password: str = PASSWORD, **properties: Any) -> Login:
        """A new account's login."""
        answer = self.call("account.create", {"user_id": user_id, "password": password, **properties})
        return Login(**answer["result"])


def envelope(method: str, parameters: Any = None) -> bytes:
    """The JSON body of a call."""
    return json.dumps({"method": method, "parameters": {} if parameters is None else parameters}).encode()


def signature(key: str, message: bytes) -> str:
    """base64(HMAC-SHA1(key, message)), as clients make it."""
    return base64.b64encode(hmac.new(key.encode(), message, hashlib.sha1).digest()).decode()


def signed(login: Login, body: bytes) -> dict[str, str]:
    """The headers of a request signed by the scheme "user_id"."""
    return {"x_toto_session_id": login.session_id, "x_toto_hmac": signature(login.user_id, body)}


def error_of(answer: Any) -> Any:
    """Code and value of a decoded answer's error."""
    return answer["error"]["code"], answer["error"]["value"]
