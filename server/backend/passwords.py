"""Passwords: hashed with Argon2, verified in a time that does not tell whether there is one."""

import secrets

from pwdlib import PasswordHash


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self, hasher: PasswordHash) -> None:
        self._hasher = hasher
        self._nobodys_hash = hasher.hash(secrets.token_urlsafe())

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether a password is the one of a hash. Without a hash it is not, after the same work."""
        is_right = self._hasher.verify(password, password_hash or self._nobodys_hash)
        return is_right and password_hash is not None
