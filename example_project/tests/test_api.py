"""The notes in Django REST framework."""

from django.test import Client

from example_project.notes.models import Note
from example_project.tests.client import ServiceTestCase, signature

URL = "/api/notes/"


class ApiTest(ServiceTestCase):
    def setUp(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.sign_up("ada")

    def test_page_shows_the_notes_of_the_methods(self) -> None:
        self.call("notes.add", text="Buy milk")
        response = self.client.get(URL, headers={"accept": "text/html"})
        self.assertContains(response, "Buy milk")
        self.assertContains(response, "ada")
        self.assertContains(response, "csrfmiddlewaretoken")

    def test_form_of_the_page_adds_a_note(self) -> None:
        self.client.get(URL, headers={"accept": "text/html"})
        form = {"text": "Buy milk", "csrfmiddlewaretoken": self.client.cookies["csrftoken"].value}
        assert self.client.post(URL, form).status_code == 201
        assert [note["text"] for note in self.call("notes.list")] == ["Buy milk"]

    def test_page_of_another_site_adds_nothing(self) -> None:
        assert self.client.post(URL, {"text": "Buy milk"}).status_code == 403
        assert Note.objects.count() == 0

    def test_headers_of_a_call_work_too(self) -> None:
        self.client.cookies.clear()
        body = b'{"text": "Buy milk"}'
        headers = {"x-toto-session-id": self.session["session_id"], "x-toto-hmac": signature("ada", body)}
        response = self.client.post(URL, body, content_type="application/json", headers=headers)
        assert (response.status_code, response.json()["text"]) == (201, "Buy milk")
        assert response.headers["x-toto-hmac"] == signature("ada", response.content)

    def test_nobody_else_sees_them(self) -> None:
        self.call("notes.add", text="Buy milk")
        self.client.cookies.clear()
        assert self.client.get(URL).status_code == 401
        self.sign_up("bob")
        assert self.client.get(URL).json() == []

    def test_logout_ends_it(self) -> None:
        self.call("account.logout")
        assert self.client.get(URL).status_code == 401

    def test_there_is_a_link_on_the_start_page(self) -> None:
        self.assertContains(self.client.get("/"), f'href="{URL}"')
