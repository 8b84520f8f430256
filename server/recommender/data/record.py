"""The base class of everything that a model's manifest stores."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value without undeclared fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
