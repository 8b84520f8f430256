"""Authorization: users act for themselves, administrators for everyone; without authentication, so does everyone."""

from typing import Protocol

from server.backend.reader import Reader
from server.backend.tokens import Caller
from server.errors import AccessDenied, InvalidToken, NotSignedIn
from server.models import Role
from server.services.token import CredentialsReader


class Access(Protocol):
    """The check that a handler makes before it acts."""

    def require_valid(self) -> None:
        """Return unless the token was revoked. Raises `InvalidToken`."""

    def require_user(self, user_id: int) -> None:
        """Return if the caller may act as this user. Raises `AccessDenied`; `InvalidToken` for a revoked token."""

    def require_admin(self) -> None:
        """Return if the caller is an administrator. Raises as `require_user` does."""

    def get_caller_id(self) -> int:
        """Return the id of the caller. Raises `NotSignedIn`; `InvalidToken` for a revoked token."""


class OpenAccess:
    """Access without authentication."""

    def require_valid(self) -> None:
        """Let everyone pass."""

    def require_user(self, user_id: int) -> None:
        """Let everyone act as any user."""

    def require_admin(self) -> None:
        """Let everyone act as an administrator."""

    def get_caller_id(self) -> int:
        """Raise `NotSignedIn`: without authentication nobody is signed in."""
        raise NotSignedIn


class NoAccess:
    """Access of a caller without a token on a public route."""

    def require_valid(self) -> None:
        """Refuse. Raises `NotSignedIn`."""
        raise NotSignedIn

    def require_user(self, user_id: int) -> None:  # noqa: ARG002 (no user may be acted for)
        """Refuse to act as a user. Raises `NotSignedIn`."""
        raise NotSignedIn

    def require_admin(self) -> None:
        """Refuse to act as an administrator. Raises `NotSignedIn`."""
        raise NotSignedIn

    def get_caller_id(self) -> int:
        """Raise `NotSignedIn`."""
        raise NotSignedIn


class TokenPermissions:
    """Access of a caller with a valid token.

    The role is read with each request, never taken from the token: a new role and a new password count at once.
    """

    def __init__(self, reader: Reader, caller: Caller) -> None:
        self.credentials = CredentialsReader(reader)
        self.caller = caller

    def require_valid(self) -> None:
        """Return unless the token was revoked. Raises as `Access` says."""
        self._current_role()

    def require_user(self, user_id: int) -> None:
        """Return if the caller is this user or an administrator. Raises as `Access` says."""
        if self._current_role() is not Role.ADMIN and user_id != self.caller.user_id:
            raise AccessDenied

    def require_admin(self) -> None:
        """Return if the caller is an administrator. Raises as `Access` says."""
        if self._current_role() is not Role.ADMIN:
            raise AccessDenied

    def get_caller_id(self) -> int:
        """Return the id of the caller. Raises as `Access` says."""
        self._current_role()
        return self.caller.user_id

    def _current_role(self) -> Role:
        credentials = self.credentials.find(self.caller.user_id)
        if credentials is None or credentials.generation != self.caller.generation:
            raise InvalidToken
        return credentials.role
