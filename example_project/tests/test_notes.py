from example_project.notes import methods
from example_project.notes.models import Note
from example_project.tests.client import ServiceTestCase
from toto_django.models import Account

NOT_AUTHORIZED, INVALID_HMAC, INVALID_PARAMETERS = 1004, 1008, 1100
NO_SUCH_NOTE, TOO_MANY_NOTES = 2001, 2002


class NotesTests(ServiceTestCase):
    def setUp(self):
        self.sign_up("ada")

    def texts(self):
        return [note["text"] for note in self.call("notes.list")]

    def test_added_notes_are_listed_newest_first(self):
        added = self.call("notes.add", text="  first ")
        self.call("notes.add", text="Zweite: süß 🎈\nmit Zeilen")
        assert added["text"] == "first"
        assert self.texts() == ["Zweite: süß 🎈\nmit Zeilen", "first"]

    def test_edited_note_keeps_its_id_and_creation(self):
        note = self.call("notes.add", text="frist")
        edited = self.call("notes.edit", id=note["id"], text="first")
        assert (edited["id"], edited["created"]) == (note["id"], note["created"])
        assert edited["updated"] > note["updated"]
        assert self.texts() == ["first"]

    def test_deleted_note_is_gone(self):
        note = self.call("notes.add", text="first")
        assert self.call("notes.delete", id=note["id"]) == {"deleted": note["id"]}
        assert self.texts() == []
        assert self.refused("notes.delete", id=note["id"]) == NO_SUCH_NOTE

    def test_notes_of_others_are_out_of_reach(self):
        note = self.call("notes.add", text="Ada's")
        self.sign_up("grace")
        assert self.texts() == []
        assert self.refused("notes.edit", id=note["id"], text="Grace's") == NO_SUCH_NOTE
        assert self.refused("notes.delete", id=note["id"]) == NO_SUCH_NOTE
        self.log_in("ada")
        assert self.texts() == ["Ada's"]

    def test_ids_that_can_be_no_note_are_refused_alike(self):
        for note_id in (0, -1, "x", "", None, [], {}, 10**30, 1e308):
            with self.subTest(note_id=note_id):
                assert self.refused("notes.delete", id=note_id) == NO_SUCH_NOTE

    def test_text_is_bounded(self):
        longest = "x" * Note.MAX_LENGTH
        assert self.call("notes.add", text=longest)["text"] == longest
        for text in (f"{longest}x", "", "  ", None, [], {}, "\0", "\ud800"):
            with self.subTest(text=text):
                assert self.refused("notes.add", text=text) == INVALID_PARAMETERS

    def test_the_number_of_notes_is_bounded(self):
        owner = Account.objects.get(user_id="ada")
        Note.objects.bulk_create(Note(owner=owner, text="x") for _ in range(methods.MAX_NOTES))
        assert self.refused("notes.add", text="one more") == TOO_MANY_NOTES

    def test_only_logged_in_accounts_have_notes(self):
        for name in ("add", "list", "edit", "delete", "profile"):
            with self.subTest(method=name):
                self.session = None
                assert self.refused(f"notes.{name}") == NOT_AUTHORIZED
                self.call("counter.reset")
                assert self.refused(f"notes.{name}") == NOT_AUTHORIZED

    def test_a_call_with_a_wrong_signature_is_refused(self):
        self.session["user_id"] = "grace"
        assert self.refused("notes.list") == INVALID_HMAC

    def test_logging_out_ends_the_access(self):
        self.call("account.logout")
        assert self.refused("notes.list") == NOT_AUTHORIZED

    def test_notes_go_with_their_account(self):
        self.call("notes.add", text="first")
        Account.objects.get(user_id="ada").delete()
        self.sign_up("ada")
        assert self.texts() == []


class ProfileTests(ServiceTestCase):
    def test_property_from_signing_up_is_shown(self):
        self.sign_up("Ada", display_name="Ada Lovelace")
        assert self.call("notes.profile") == {"user_id": "ada", "display_name": "Ada Lovelace"}

    def test_display_name_can_be_changed_and_stays(self):
        self.sign_up("ada")
        assert self.call("notes.profile")["display_name"] == ""
        self.call("notes.profile", display_name="Countess")
        self.log_in("ada")
        assert self.call("notes.profile")["display_name"] == "Countess"

    def test_display_name_is_bounded(self):
        self.sign_up("ada")
        assert self.refused("notes.profile", display_name="x" * 81) == INVALID_PARAMETERS
        assert self.refused("notes.profile", display_name=None) == INVALID_PARAMETERS
