"""Credentials: passwords, roles, and logging in."""

import secrets
from collections.abc import Mapping

from pwdlib import PasswordHash
from sqlalchemy import insert, select, update

from server.backend.database import Database, TransactionSession
from server.backend.tokens import Caller, TokenSigner
from server.command_errors import NoCredentials, UnfitPassword
from server.errors import UserNotFound, WrongCredentials
from server.models import Credentials, Role
from server.schemas.base import MAX_ID
from server.schemas.token import Token, TokenRequest
from server.services.base import BaseDataManager, BaseService
from server.services.ratings import RatingDataManager
from server.services.user import UserDataManager

# Length is what makes a password hard to guess; longer than the second is no password but a mistake.
PASSWORD_LENGTHS = range(12, 1025)
MAX_ID_DIGITS = len(str(MAX_ID))


class LoginService:
    """Gives tokens for passwords; lives as long as the app.

    It takes a connection only for as long as it reads a row: to verify a password takes longer than any request.
    """

    def __init__(self, database: Database, tokens: TokenSigner, passwords: PasswordHash) -> None:
        self._database = database
        self.tokens = tokens
        self._passwords = passwords
        self._nobodys_hash = passwords.hash(secrets.token_urlsafe())

    def log_in(self, request: TokenRequest) -> Token:
        """Give a token. Raises `WrongCredentials`, after the same work whether there is such a user or not."""
        user_id = _user_id(request.username)
        with self._database.transaction(writes=False) as session:
            credentials = CredentialsDataManager(session).find(user_id)
        password_hash = self._nobodys_hash if credentials is None else credentials.password_hash
        is_right = self._passwords.verify(request.password.get_secret_value(), password_hash)
        if credentials is None or not is_right:
            raise WrongCredentials
        token = self.tokens.sign(Caller(user_id, credentials.generation))
        expires_in = self.tokens.lifetime_s
        return Token(access_token=token, token_type="bearer", expires_in=expires_in)  # noqa: S106 (the kind of token, no secret)


class CredentialsService(BaseService):
    """Rules of credentials."""

    def __init__(self, session: TransactionSession, passwords: PasswordHash) -> None:
        super().__init__(session)
        self.credentials = CredentialsDataManager(session)
        self.users = UserDataManager(session)
        self.ratings = RatingDataManager(session)
        self.passwords = passwords

    def create_user(self, password: str, role: Role) -> int:
        """Make a new user who can log in, and give his id. Raises `UnfitPassword`."""
        # Before the first statement: to hash takes longer than others should wait to write.
        password_hash = self._hash(password)
        user_id = self.users.create()
        self.credentials.create(user_id, password_hash, role)
        return user_id

    def set_password(self, user_id: int, password: str) -> None:
        """Give a user a password; tokens of the one before are void. Raises `UserNotFound` and `UnfitPassword`."""
        password_hash = self._hash(password)
        if not self.ratings.user_exists(user_id):
            raise UserNotFound(user_id)
        if not self.credentials.set_password(user_id, password_hash):
            self.credentials.create(user_id, password_hash, Role.USER)

    def set_role(self, user_id: int, role: Role) -> None:
        """Give a user who can log in another role; it counts at once. Raises `NoCredentials`."""
        if not self.credentials.set_role(user_id, role):
            raise NoCredentials(user_id)

    def _hash(self, password: str) -> str:
        if len(password) not in PASSWORD_LENGTHS:
            raise UnfitPassword(
                f"A password has {PASSWORD_LENGTHS[0]} to {PASSWORD_LENGTHS[-1]} characters; this one has "
                f"{len(password)}. Four or five words that nobody would put together make a good one."
            )
        return self.passwords.hash(password)


class CredentialsDataManager(BaseDataManager):
    """SQL of the credentials."""

    def find(self, user_id: int) -> Credentials | None:
        """Give the credentials of a user."""
        return self.session.scalar(select(Credentials).where(Credentials.user_id == user_id))

    def create(self, user_id: int, password_hash: str, role: Role) -> None:
        """Insert the first credentials of a user."""
        values = {"user_id": user_id, "password_hash": password_hash, "role": role, "generation": 1}
        self.session.execute(insert(Credentials).values(values))

    def set_password(self, user_id: int, password_hash: str) -> bool:
        """Replace a password and begin its generation; False where there are no credentials."""
        values = {"password_hash": password_hash, "generation": Credentials.generation + 1}
        return self._update(user_id, values)

    def set_role(self, user_id: int, role: Role) -> bool:
        """Replace a role; False where there are no credentials."""
        return self._update(user_id, {"role": role})

    def _update(self, user_id: int, values: Mapping[str, object]) -> bool:
        statement = update(Credentials).where(Credentials.user_id == user_id).values(values)
        return self.session.scalar(statement.returning(Credentials.user_id)) is not None


def _user_id(username: str) -> int:
    """Give the id that a user name is, or 0, which is nobody's."""
    number = int(username) if username.isascii() and username.isdigit() and len(username) <= MAX_ID_DIGITS else 0
    return number if number <= MAX_ID else 0
