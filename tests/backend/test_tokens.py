import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from server.backend.tokens import LEEWAY_S, Caller, TokenSigner
from server.errors import InvalidToken
from tests.support.passwords import SECRET
from tests.support.tables import for_each

CALLER = Caller(user_id=7, generation=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def tokens() -> TokenSigner:
    return TokenSigner(SECRET, lifetime_s=60)


def claims(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the claims of a valid token with some changes; claims set to None are left out."""
    now = datetime.now(UTC)
    good = {"sub": "7", "aud": "matinee", "iat": now, "exp": now + MINUTE, "generation": 2}
    return {name: value for name, value in (good | (changes or {})).items() if value is not None}


def test_a_token_identifies_its_caller(tokens: TokenSigner) -> None:
    assert tokens.read(tokens.sign(CALLER)) == CALLER


def test_a_token_holds_these_claims_and_no_secret(tokens: TokenSigner) -> None:
    before = int(datetime.now(UTC).timestamp())

    payload = json.loads(base64.urlsafe_b64decode(tokens.sign(CALLER).split(".")[1] + "=="))

    assert payload == {
        "sub": "7",
        "aud": "matinee",
        "iat": payload["iat"],
        "exp": payload["iat"] + 60,
        "generation": 2,
    }
    assert before <= payload["iat"] <= before + 60


def test_unchanged_claims_make_a_valid_token(tokens: TokenSigner) -> None:
    assert tokens.read(jwt.encode(claims(), SECRET, "HS256")) == CALLER


@for_each(
    "changes",
    [
        {"exp": 1_000_000_000},
        {"iat": 4_000_000_000},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"iat": None},
        {"exp": None},
        {"sub": "9" * 30},
        {"generation": float("inf")},
        {"generation": 2.5},
        {"generation": None},
        {"sub": "seven"},
        {"generation": "second"},
        {"generation": [2]},
    ],
)
def test_a_token_with_a_wrong_or_missing_claim_is_invalid(tokens: TokenSigner, changes: dict[str, Any]) -> None:
    forged = jwt.encode(claims(changes), SECRET, "HS256")

    with pytest.raises(InvalidToken):
        tokens.read(forged)


def test_a_token_that_has_just_expired_is_forgiven_as_clocks_differ(tokens: TokenSigner) -> None:
    late = jwt.encode(claims({"exp": datetime.now(UTC) - timedelta(seconds=LEEWAY_S / 2)}), SECRET, "HS256")

    assert tokens.read(late) == CALLER


@for_each(("secret", "algorithm"), [("", "none"), (SECRET[::-1], "HS256"), (SECRET * 2, "HS512")])
def test_a_token_with_another_signature_is_invalid(tokens: TokenSigner, secret: str, algorithm: str) -> None:
    forged = jwt.encode(claims(), secret, algorithm)

    with pytest.raises(InvalidToken):
        tokens.read(forged)


def test_the_algorithm_is_ours_even_where_the_secret_is_right() -> None:
    secret = SECRET * 2

    with pytest.raises(InvalidToken):
        TokenSigner(secret, lifetime_s=60).read(jwt.encode(claims(), secret, "HS512"))


@for_each("text", ["", "x", "a.b.c", "..", "ü.ü.ü", "x" * 10_000])
def test_text_that_is_not_a_token_is_invalid(tokens: TokenSigner, text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.read(text)
