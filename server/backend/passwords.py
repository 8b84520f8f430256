"""Passwords: hashed with Argon2, and verified in the same time whether or not the user has one."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash

from server.backend.processes import lower_thread_priority

VERIFIED_AT_ONCE = 2
"""A process verifies at most this many passwords at a time, 64 MiB and four threads of CPU time each."""


class Passwords:
    """Hashes and verifies passwords, in threads of lower priority, so that guesses don't slow other requests."""

    def __init__(self, hasher: PasswordHash) -> None:
        self._hasher = hasher
        self._nobodys_hash = hasher.hash(secrets.token_urlsafe())
        # Argon2 starts threads of its own, which inherit the priority.
        self._threads = ThreadPoolExecutor(VERIFIED_AT_ONCE, "passwords", lower_thread_priority)

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether a password is the one of a hash. Without a hash it is not, after the same work."""
        verified = self._threads.submit(self._hasher.verify, password, password_hash or self._nobodys_hash)
        return verified.result() and password_hash is not None
