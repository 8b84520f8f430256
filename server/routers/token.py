"""``/token``, which exists only with authentication."""

from fastapi import APIRouter

from server.errors import WrongCredentials
from server.schemas.token import Token
from server.web.dependencies import LoginForm, LoginServiceDep
from server.web.parameters import StrictRoute
from server.web.problems import documented

# Not transactional: verifying a password takes longer than any transaction should.
router = APIRouter(prefix="/token", tags=["users"], route_class=StrictRoute)


@router.post("", responses=documented(WrongCredentials()))
def create_token(form: LoginForm, login: LoginServiceDep) -> Token:
    """Log in with user name or id and password.

    Send the token with each request as ``Authorization: Bearer <token>``.
    """
    return login.log_in(form)
