"""Passwords are verified beside other work, not before it."""

import os
import sys
import threading

import pytest

from server.backend.passwords import Passwords
from server.backend.processes import NICENESS
from tests.support.passwords import ANOTHER, PASSWORD, CountingPasswords


class ObservedPasswords(CountingPasswords):
    """Records the priority of the thread that verifies."""

    niceness = 0

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 (as pwdlib names it)
        self.niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return super().verify(password, hash)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_passwords_are_verified_at_a_lower_priority() -> None:
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    hasher = ObservedPasswords()
    passwords = Passwords(hasher)
    password_hash = hasher.hash(PASSWORD)

    assert [passwords.verify(word, password_hash) for word in (PASSWORD, ANOTHER)] == [True, False]
    assert not passwords.verify(PASSWORD, None)
    assert hasher.niceness == max(own, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
