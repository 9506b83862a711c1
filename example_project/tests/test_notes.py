from dataclasses import replace

from example_project.notes import methods
from example_project.notes.models import Note
from example_project.tests.base import PASSWORD, ServiceTestCase
from toto_django.models import Account
from toto_django.test import assert_toto_error

NOT_AUTHORIZED, INVALID_HMAC, INVALID_PARAMETERS = 1004, 1008, 1100
NO_SUCH_NOTE, TOO_MANY_NOTES = 2001, 2002


class NotesTests(ServiceTestCase):
    def setUp(self):
        self.notes = self.client.methods.notes
        self.sign_up("ada")

    def texts(self):
        return [note["text"] for note in self.notes.list()]

    def test_added_notes_are_listed_newest_first(self):
        added = self.notes.add(text="  first ")
        self.notes.add(text="Zweite: süß 🎈\nmit Zeilen")
        assert added["text"] == "first"
        assert self.texts() == ["Zweite: süß 🎈\nmit Zeilen", "first"]

    def test_edited_note_keeps_its_id_and_creation(self):
        note = self.notes.add(text="frist")
        edited = self.notes.edit(id=note["id"], text="first")
        assert (edited["id"], edited["created"]) == (note["id"], note["created"])
        assert edited["updated"] > note["updated"]
        assert self.texts() == ["first"]

    def test_deleted_note_is_gone(self):
        note = self.notes.add(text="first")
        assert self.notes.delete(id=note["id"]) == {"deleted": note["id"]}
        assert self.texts() == []
        with assert_toto_error(NO_SUCH_NOTE):
            self.notes.delete(id=note["id"])

    def test_notes_of_others_are_out_of_reach(self):
        note = self.notes.add(text="Ada's")
        self.sign_up("grace")
        assert self.texts() == []
        with assert_toto_error(NO_SUCH_NOTE):
            self.notes.edit(id=note["id"], text="Grace's")
        with assert_toto_error(NO_SUCH_NOTE):
            self.notes.delete(id=note["id"])
        self.client.login("ada", PASSWORD)
        assert self.texts() == ["Ada's"]

    def test_ids_that_can_be_no_note_are_refused_alike(self):
        for note_id in (0, -1, "x", "", None, [], {}, 10**30, 1e308):
            with self.subTest(note_id=note_id), assert_toto_error(NO_SUCH_NOTE):
                self.notes.delete(id=note_id)

    def test_text_is_bounded(self):
        longest = "x" * Note.MAX_LENGTH
        assert self.notes.add(text=longest)["text"] == longest
        for text in (f"{longest}x", "", "  ", None, [], {}, "\0", "\ud800"):
            with self.subTest(text=text), assert_toto_error(INVALID_PARAMETERS):
                self.notes.add(text=text)

    def test_the_number_of_notes_is_bounded(self):
        owner = Account.objects.get(user_id="ada")
        Note.objects.bulk_create(Note(owner=owner, text="x") for _ in range(methods.MAX_NOTES))
        with assert_toto_error(TOO_MANY_NOTES):
            self.notes.add(text="one more")

    def test_only_logged_in_accounts_have_notes(self):
        for name in ("add", "list", "edit", "delete", "profile"):
            with self.subTest(method=name):
                self.client.session = None
                with assert_toto_error(NOT_AUTHORIZED):
                    self.client.call(f"notes.{name}")
                self.client.call("counter.reset")
                with assert_toto_error(NOT_AUTHORIZED):
                    self.client.call(f"notes.{name}")

    def test_a_call_with_a_wrong_signature_is_refused(self):
        self.client.session = replace(self.client.session, user_id="grace")
        with assert_toto_error(INVALID_HMAC):
            self.notes.list()

    def test_logging_out_ends_the_access(self):
        self.client.logout()
        with assert_toto_error(NOT_AUTHORIZED):
            self.notes.list()

    def test_notes_go_with_their_account(self):
        self.notes.add(text="first")
        Account.objects.get(user_id="ada").delete()
        self.sign_up("ada")
        assert self.texts() == []


class ProfileTests(ServiceTestCase):
    def setUp(self):
        self.notes = self.client.methods.notes

    def test_property_from_signing_up_is_shown(self):
        self.sign_up("Ada", display_name="Ada Lovelace")
        assert self.notes.profile() == {"user_id": "ada", "display_name": "Ada Lovelace"}

    def test_display_name_can_be_changed_and_stays(self):
        self.sign_up("ada")
        assert self.notes.profile()["display_name"] == ""
        self.notes.profile(display_name="Countess")
        self.client.login("ada", PASSWORD)
        assert self.notes.profile()["display_name"] == "Countess"

    def test_display_name_is_bounded(self):
        self.sign_up("ada")
        with assert_toto_error(INVALID_PARAMETERS):
            self.notes.profile(display_name="x" * 81)
        with assert_toto_error(INVALID_PARAMETERS):
            self.notes.profile(display_name=None)
