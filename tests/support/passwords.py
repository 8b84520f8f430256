"""Password hashing that is fast and records verifications."""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

PASSWORD = "correct horse battery staple"
ANOTHER = "Tr0ub4dor&3 has a few more"
SECRET = "3f1c9a7be2d84056a1f0c2b79e6d5384"


class CountingPasswords(PasswordHash):
    """Argon2 with the smallest allowed cost, which records the hashes it verified."""

    def __init__(self) -> None:
        super().__init__((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
        self.verified: list[str | bytes] = []

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 (as pwdlib names it)
        self.verified.append(hash)
        return super().verify(password, hash)
