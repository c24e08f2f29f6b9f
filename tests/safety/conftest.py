"""What the tests of this folder share."""

import pytest

from safety.vocabulary import vocabulary


@pytest.fixture(scope="session", autouse=True)
def _dictionaries_are_read() -> None:
    """They are read once per process, on the first prompt: no test with a deadline shall be the one that waits."""
    vocabulary()
