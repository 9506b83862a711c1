"""The methods behind the recorded exchanges (tests/wire/METHODS.md), as a Django project."""
