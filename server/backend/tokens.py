"""Bearer tokens: signed JSON Web Tokens (RFC 7519) that identify a user."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import jwt

from server.errors import InvalidToken

ALGORITHM = "HS256"
AUDIENCE = "matinee"
CLAIMS = ["sub", "aud", "iat", "exp", "generation"]
MAX_NUMBER = 2**53 - 1
LEEWAY_S = 10
"""The clocks of machines that share a secret may differ by this much."""


class Caller(NamedTuple):
    """The caller that a token identifies: a user, and the generation of the password they signed in with."""

    user_id: int
    generation: int


class TokenSigner:
    """Signs tokens, and verifies its own."""

    def __init__(self, secret: str, *, lifetime_s: int) -> None:
        self._secret = secret
        self.lifetime_s = lifetime_s

    def sign(self, caller: Caller) -> str:
        """Return a token that expires after the lifetime."""
        now = datetime.now(UTC)
        claims = {
            "sub": str(caller.user_id),
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + timedelta(seconds=self.lifetime_s),
            "generation": caller.generation,
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def read(self, token: str) -> Caller:
        """Return the caller of a token. Raises `InvalidToken` if it is forged, for another audience, or expired."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                # Never accept the algorithm that the token itself names.
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": CLAIMS},
            )
            return Caller(_number(claims["sub"]), _number(claims["generation"]))
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):
            raise InvalidToken from None


def _number(claim: object) -> int:
    """Return a claim as a number that the database can hold. Raise `ValueError` for anything else."""
    number = int(str(claim))
    if not 0 < number <= MAX_NUMBER:
        raise ValueError("a claim is out of range")
    return number
