from example_project.tests.base import PASSWORD, ServiceTestCase


class CounterTests(ServiceTestCase):
    def setUp(self):
        self.counter = self.client.methods.counter

    def test_counts_in_an_anonymous_session(self):
        assert self.counter.increment() == 1
        assert self.counter.increment() == 2
        assert self.counter.value() == 2
        assert self.client.session.user_id == ""

    def test_reading_starts_no_session(self):
        assert self.counter.value() == 0
        assert self.client.session is None

    def test_reset_starts_again_from_zero(self):
        self.counter.increment()
        assert self.counter.reset() == 0
        assert self.counter.increment() == 1

    def test_every_visitor_has_her_own(self):
        self.counter.increment()
        self.client.session = None
        assert self.counter.increment() == 1

    def test_logging_in_starts_a_session_with_its_own_counter(self):
        self.counter.increment()
        self.client.create("ada", PASSWORD)
        assert self.counter.value() == 0

    def test_a_batch_counts_in_order(self):
        with self.client.batch() as batch:
            counts = [batch.call("counter.increment"), batch.call("counter.increment")]
            value = batch.call("counter.value")
        assert [count.result() for count in counts] == [1, 2]
        assert value.result() == 2
