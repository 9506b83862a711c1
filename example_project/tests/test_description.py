from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from example_project.tests.client import ServiceTestCase
from tests.openrpc.documents import validate
from tests.openrpc.values import Values, leads_into
from toto_django.description.openrpc import document
from toto_django.registry import registry
from toto_django.typed.signatures import TypedFunction

MISSING_PARAMETERS, INVALID_PARAMETERS = 1003, 1100
DOCUMENT = document()
TYPED = [
    method
    for method in DOCUMENT["methods"]
    if isinstance(registry.find(method["name"]).function, TypedFunction)
]
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class DescriptionTests(ServiceTestCase, TestCase):
    """Every method that has types takes what its description allows, and nothing else."""

    def answer(self, name, parameters):
        return self.post({"method": name, "parameters": parameters})

    def test_description_is_openrpc(self):
        validate(DOCUMENT)
        assert {"chat.receive", "counter.value", "notes.add"} <= {method["name"] for method in TYPED}

    @quick
    @given(data=st.data())
    def test_what_it_allows_is_accepted(self, data):
        self.sign_up("ada")
        method = data.draw(st.sampled_from(TYPED))
        parameters = data.draw(Values(DOCUMENT).parameters(method))
        if method["name"] == "chat.receive":
            parameters["wait"] = 0  # Waiting is as good as not waiting, and lasts longer.
        error = self.answer(method["name"], parameters).get("error", {})
        assert error.get("code") not in (MISSING_PARAMETERS, INVALID_PARAMETERS), error

    @quick
    @given(data=st.data())
    def test_what_it_forbids_is_refused(self, data):
        self.sign_up("ada")
        method = data.draw(st.sampled_from(TYPED))
        parameters = data.draw(Values(DOCUMENT).broken_parameters(method))
        error = self.answer(method["name"], parameters)["error"]
        assert error["code"] in (MISSING_PARAMETERS, INVALID_PARAMETERS), error
        assert error["fields"]
        assert all(leads_into(path, parameters) for path in error["fields"]), error
