"""The settings of the tests, with a channel layer from the environment."""

from tests.service.settings import *  # noqa: F403

CHANNEL_LAYERS = json.loads(os.environ.get("TOTO_TEST_LAYERS", "{}"))  # noqa: F405
