"""The operator of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.daemon import Operator, operator_in


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """In an empty folder."""
    with operator_in(tmp_path) as operator:
        yield operator
