"""The result of checking an installation."""

from enum import StrEnum

from pydantic import Field

from server.schemas.base import ReadSchema


class Health(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(ReadSchema):
    """One check: its result, and how to fix a problem."""

    name: str = Field(examples=["model store"])
    health: Health = Field(examples=["ok"])
    detail: str = Field(examples=["readable and writable, 3 artifacts"])
    remedy: str | None = Field(default=None, description="What to do; null if nothing is wrong.", examples=[None])


class Diagnosis(ReadSchema):
    """All checks of an installation, in their order."""

    findings: list[Finding]
