from django.contrib.auth.models import User
from django.test import TestCase

from example_project.notes.models import Note
from toto_django.models import Account


class PagesTests(TestCase):
    def test_start_page_knows_every_method(self):
        response = self.client.get("/")
        for name in ("account.create", "counter.increment", "notes.list", "math.add"):
            self.assertContains(response, f'<option value="{name}">')

    def test_start_page_allows_nothing_inline(self):
        response = self.client.get("/")
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        self.assertNotContains(response, "style=")

    def test_start_page_is_only_read(self):
        assert self.client.post("/").status_code == 405

    def test_admin_asks_to_log_in(self):
        self.assertRedirects(self.client.get("/admin/"), "/admin/login/?next=/admin/")

    def test_staff_sees_notes_in_the_admin(self):
        Note.objects.create(owner=Account.objects.create(user_id="ada"), text="Buy milk")
        self.client.force_login(User.objects.create_superuser("staff"))
        response = self.client.get("/admin/notes/note/?q=ada")
        self.assertContains(response, "Buy milk")
        response = self.client.get("/admin/notes/note/add/")
        self.assertContains(response, "Owner")
