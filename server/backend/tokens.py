"""Bearer tokens: JSON Web Tokens (RFC 7519) that say who asks, signed so that nobody else can make one."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import jwt

from server.errors import InvalidToken

ALGORITHM = "HS256"
AUDIENCE = "matinee"
CLAIMS = ["sub", "aud", "iat", "exp", "generation"]
# The clocks of two machines that share a secret may differ by so much.
LEEWAY_S = 10


class Caller(NamedTuple):
    """Who asks, as his token says: a user, and the generation of the password he logged in with."""

    user_id: int
    generation: int


class TokenSigner:
    """Makes tokens, and reads those it has made."""

    def __init__(self, secret: str, *, lifetime_s: int) -> None:
        self._secret = secret
        self.lifetime_s = lifetime_s

    def sign(self, caller: Caller) -> str:
        """Make a token, good from now for its lifetime."""
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
        """Give whose token this is. Raises `InvalidToken` for one that is not ours, not meant for us, or expired."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                # Never the algorithm that the token names for itself.
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                options={"require": CLAIMS},
            )
            return Caller(int(claims["sub"]), int(claims["generation"]))
        except (jwt.InvalidTokenError, TypeError, ValueError):
            raise InvalidToken from None
