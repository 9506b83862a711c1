"""The callers' side of the protocol, without a way to send anything: what all clients share.

Reads no settings.
"""
