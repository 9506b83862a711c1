"""A service for the tests of the console: an app with methods of every kind, and harmful ones."""
