"""``/token``; there only where authentication is on."""

from fastapi import APIRouter

from server.errors import WrongCredentials
from server.schemas.token import Token
from server.web.dependencies import LoginDep, LoginForm
from server.web.problems import documented

# No TransactionalRoute: it would hold a writer's place, and the database, while a password is verified.
router = APIRouter(prefix="/token", tags=["users"])


@router.post("", responses=documented(WrongCredentials()))
def create_token(form: LoginForm, login: LoginDep) -> Token:
    """Log in with user id and password; the token goes with each request as ``Authorization: Bearer <token>``."""
    return login.log_in(form)
