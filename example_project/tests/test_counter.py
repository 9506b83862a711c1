from example_project.tests.client import PASSWORD, ServiceTestCase


class CounterTests(ServiceTestCase):
    def test_counts_in_an_anonymous_session(self):
        assert self.call("counter.increment") == 1
        assert self.call("counter.increment") == 2
        assert self.call("counter.value") == 2
        assert self.session["user_id"] == ""

    def test_reading_starts_no_session(self):
        assert self.call("counter.value") == 0
        assert self.session is None

    def test_reset_starts_again_from_zero(self):
        self.call("counter.increment")
        assert self.call("counter.reset") == 0
        assert self.call("counter.increment") == 1

    def test_every_visitor_has_her_own(self):
        self.call("counter.increment")
        self.session = None
        assert self.call("counter.increment") == 1

    def test_logging_in_starts_a_session_with_its_own_counter(self):
        self.call("counter.increment")
        self.call("account.create", user_id="ada", password=PASSWORD)
        assert self.call("counter.value") == 0

    def test_a_batch_counts_in_the_order_of_its_keys(self):
        member = {"method": "counter.increment"}
        answer = self.post({"batch": {"b": member, "a": member, "c": {"method": "counter.value"}}})
        assert answer["batch"] == {"a": {"result": 1}, "b": {"result": 2}, "c": {"result": 2}}
