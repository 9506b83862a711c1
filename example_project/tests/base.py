"""What the tests of methods share."""

from typing import Any

from django.test import TestCase, override_settings

from toto_django.test import AsyncTotoClient, TotoClient

PASSWORD = "a long walk on the beach"


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
class ServiceTestCase(TestCase):
    """``self.client`` calls methods, in the session that it began last."""

    client_class = TotoClient  # type: ignore[assignment]
    async_client_class = AsyncTotoClient  # type: ignore[assignment]
    client: TotoClient  # type: ignore[assignment]
    async_client: AsyncTotoClient  # type: ignore[assignment]

    def sign_up(self, user_id: str, **properties: Any) -> None:
        self.client.session = None
        self.client.create(user_id, PASSWORD, properties)
