"""A test case that calls methods as a signing client does."""

import base64
import hmac
import json
from typing import Any

from django.test import TestCase, override_settings

URL = "/service/"
PASSWORD = "a long walk on the beach"


def signature(key: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(key.encode(), body, "sha1")).decode()


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
class ServiceTestCase(TestCase):
    """``session`` is that of the last answer, and goes with the next call."""

    session: dict[str, Any] | None = None

    def post(self, content: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(content).encode()
        headers = {}
        if self.session is not None:
            headers["x-toto-session-id"] = self.session["session_id"]
            headers["x-toto-hmac"] = signature(self.session["user_id"], body)
        response = self.client.post(URL, body, content_type="application/json", headers=headers)
        assert response.status_code == 200
        answer = response.json()
        if "session" in answer:
            self.session = answer["session"]
            assert response.headers["x-toto-hmac"] == signature(self.session["user_id"], response.content)
        return answer

    def call(self, method: str, **parameters: Any) -> Any:
        """The result; there must be one."""
        answer = self.post({"method": method, "parameters": parameters})
        assert "result" in answer, answer
        return answer["result"]

    def refused(self, method: str, **parameters: Any) -> int:
        """The code of the error; there must be one."""
        answer = self.post({"method": method, "parameters": parameters})
        assert "result" not in answer
        return answer["error"]["code"]

    def sign_up(self, user_id: str, **properties: Any) -> None:
        self.session = None
        self.call("account.create", user_id=user_id, password=PASSWORD, **properties)

    def log_in(self, user_id: str) -> None:
        self.session = None
        self.call("account.login", user_id=user_id, password=PASSWORD)
