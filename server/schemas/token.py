"""Wire types of the login: OAuth2's password flow (RFC 6749, 4.3)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from server.schemas.base import ReadSchema


class TokenRequest(BaseModel):
    """The form of OAuth2's password flow. Other fields are ignored, as OAuth2 requires."""

    model_config = ConfigDict(frozen=True)

    grant_type: Literal["password"]
    username: str = Field(description="The name or the id of the user.", examples=["1"])
    password: SecretStr


class Token(ReadSchema):
    """A token. Send it with each request as ``Authorization: Bearer <token>``."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds until the token expires.", examples=[1800])
