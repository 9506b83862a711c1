"""Database servers of a test's own, each in a subprocess on a free port.

They start with their making, can be stopped as by a power cut and started again with
what they have on disk, and leave nothing behind. Nothing is ever installed here.
"""
