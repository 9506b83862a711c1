"""The Python client against real servers, honest and other ones."""
