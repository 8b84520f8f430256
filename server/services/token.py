"""Credentials: passwords, roles, and logging in."""

from collections.abc import Mapping
from typing import NamedTuple

from pwdlib import PasswordHash
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.backend.passwords import Passwords
from server.backend.rate_limits import AccountLimits
from server.backend.reader import Reader
from server.backend.tokens import Caller, TokenSigner
from server.command_errors import NoCredentials, UnfitPassword, UnfitUsername
from server.errors import UsernameTaken, UserNotFound, WrongCredentials
from server.models import Credentials, Role
from server.schemas.base import MAX_ID
from server.schemas.token import Token, TokenRequest
from server.schemas.user import PASSWORD_LENGTHS, USERNAME, USERNAME_RULE
from server.services.base import BaseDataManager, BaseService
from server.services.user import UserDataManager

MAX_ID_DIGITS = len(str(MAX_ID))

BY_USERNAME = "SELECT user_id FROM credentials WHERE username = :username"
BY_ID = "SELECT password_hash, role, generation FROM credentials WHERE user_id = :user_id"


class StoredCredentials(NamedTuple):
    """The credentials of a user who can sign in."""

    password_hash: str
    role: Role
    generation: int


class CredentialsReader:
    """Hot reads of the credentials, past the session: a password takes longer to verify than any transaction should."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def find_user_id(self, username: str) -> int:
        """Return the id of the user with this name or id, or 0, which is nobody's."""
        if username.isascii() and username.isdigit():
            number = int(username) if len(username) <= MAX_ID_DIGITS else 0
            return number if number <= MAX_ID else 0
        for (user_id,) in self.reader.read(BY_USERNAME, {"username": username.lower()}):
            return int(user_id)
        return 0

    def find(self, user_id: int) -> StoredCredentials | None:
        """Return the credentials of a user, or None for a user who cannot log in."""
        for password_hash, role, generation in self.reader.read(BY_ID, {"user_id": user_id}):
            return StoredCredentials(password_hash, Role(role), generation)
        return None


class LoginService:
    """Rules of logging in."""

    def __init__(
        self, reader: Reader, tokens: TokenSigner, passwords: Passwords, account_limits: AccountLimits
    ) -> None:
        self.account_limits = account_limits
        self.credentials = CredentialsReader(reader)
        self.tokens = tokens
        self.passwords = passwords

    def log_in(self, request: TokenRequest) -> Token:
        """Return a token. Raises `WrongCredentials`, after the same work whether or not the user exists.

        Raises `TooManyRequests` after too many wrong passwords for the same user.
        """
        user_id = self.credentials.find_user_id(request.username)
        self.account_limits.check(user_id)
        credentials = self.credentials.find(user_id)
        password_hash = None if credentials is None else credentials.password_hash
        if not self.passwords.verify(request.password.get_secret_value(), password_hash) or credentials is None:
            self.account_limits.count_wrong_password(user_id)
            raise WrongCredentials
        token = self.tokens.sign(Caller(user_id, credentials.generation))
        expires_in = self.tokens.lifetime_s
        return Token(access_token=token, token_type="bearer", expires_in=expires_in)  # noqa: S106 (the kind of token, not a secret)


class CredentialsService(BaseService):
    """Rules of credentials."""

    def __init__(self, session: Session, passwords: PasswordHash) -> None:
        super().__init__(session)
        self.credentials = CredentialsDataManager(session)
        self.users = UserDataManager(session)
        self.passwords = passwords

    def create_user(self, password: str, role: Role, username: str | None = None) -> int:
        """Create a user who can log in and return the id. The name is stored in lower case.

        Raises `UnfitPassword`, `UnfitUsername` and `UsernameTaken`.
        """
        if username is not None:
            username = _fit_username(username)
        # Before the first statement: hashing takes longer than other writers should wait.
        password_hash = self._hash(password)
        user_id = self.users.create()
        try:
            with self.session.begin_nested():
                self.credentials.create(user_id, password_hash, role, username)
        except IntegrityError:
            # The unique index decides, also between two requests at the same time.
            raise UsernameTaken(username or "") from None
        return user_id

    def set_password(self, user_id: int, password: str) -> None:
        """Set a user's password; tokens of the previous one are void. Raises `UserNotFound` and `UnfitPassword`."""
        password_hash = self._hash(password)
        if not self.users.exists(user_id):
            raise UserNotFound(user_id)
        if not self.credentials.set_password(user_id, password_hash):
            self.credentials.create(user_id, password_hash, Role.USER)

    def set_role(self, user_id: int, role: Role) -> None:
        """Set the role of a user who can log in; it counts at once. Raises `NoCredentials`."""
        if not self.credentials.set_role(user_id, role):
            raise NoCredentials(user_id)

    def _hash(self, password: str) -> str:
        if len(password) not in PASSWORD_LENGTHS:
            raise UnfitPassword(
                f"A password has {PASSWORD_LENGTHS[0]} to {PASSWORD_LENGTHS[-1]} characters; this one has "
                f"{len(password)}. Four or five words that nobody would put together make a good one."
            )
        return self.passwords.hash(password)


def _fit_username(username: str) -> str:
    if USERNAME.fullmatch(username) is None:
        raise UnfitUsername(f"The user name {username!r} cannot be used. A name has {USERNAME_RULE.replace('`', '')}.")
    return username.lower()


class CredentialsDataManager(BaseDataManager):
    """SQL of the credentials."""

    def create(self, user_id: int, password_hash: str, role: Role, username: str | None = None) -> None:
        """Insert the first credentials of a user."""
        values = {"user_id": user_id, "password_hash": password_hash, "role": role, "generation": 1}
        self.session.execute(insert(Credentials).values(values | {"username": username}))

    def set_password(self, user_id: int, password_hash: str) -> bool:
        """Replace a password and begin its generation; return False without credentials."""
        values = {"password_hash": password_hash, "generation": Credentials.generation + 1}
        return self._update(user_id, values)

    def set_role(self, user_id: int, role: Role) -> bool:
        """Replace a role; return False without credentials."""
        return self._update(user_id, {"role": role})

    def _update(self, user_id: int, values: Mapping[str, object]) -> bool:
        statement = update(Credentials).where(Credentials.user_id == user_id).values(values)
        return self.session.scalar(statement.returning(Credentials.user_id)) is not None
