"""Replays the recorded exchanges of tests/wire and compares the answers."""
