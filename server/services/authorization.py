"""Who may do what: a user his own, an admin everything; everybody everything where authentication is off."""

from typing import Protocol

from server.backend.database import TransactionSession
from server.backend.tokens import Caller
from server.errors import AccessDenied, InvalidToken
from server.models import Role
from server.services.base import BaseService
from server.services.token import CredentialsDataManager


class Access(Protocol):
    """What a handler asks before it does something."""

    def require_user(self, user_id: int) -> None:
        """Return if the caller may act as this user. Raises `AccessDenied`; `InvalidToken` for a token now void."""

    def require_admin(self) -> None:
        """Return if the caller may do what admins may. Raises as `require_user` does."""


class OpenAccess:
    """Access where authentication is off."""

    def require_user(self, user_id: int) -> None:
        """Let everybody act as any user."""

    def require_admin(self) -> None:
        """Let everybody do what admins may."""


class TokenPermissions(BaseService):
    """Access of a caller whose token was read.

    What he may do is looked up with each request, never taken from the token: a role given or taken, and a new
    password, count at once.
    """

    def __init__(self, session: TransactionSession, caller: Caller) -> None:
        super().__init__(session)
        self.credentials = CredentialsDataManager(session)
        self.caller = caller

    def require_user(self, user_id: int) -> None:
        """Return if the caller is this user, or an admin. Raises as `Access` says."""
        if self._current_role() is not Role.ADMIN and user_id != self.caller.user_id:
            raise AccessDenied

    def require_admin(self) -> None:
        """Return if the caller is an admin. Raises as `Access` says."""
        if self._current_role() is not Role.ADMIN:
            raise AccessDenied

    def _current_role(self) -> Role:
        credentials = self.credentials.find(self.caller.user_id)
        if credentials is None or credentials.generation != self.caller.generation:
            raise InvalidToken
        return Role(credentials.role)
