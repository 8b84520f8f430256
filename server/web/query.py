"""Query strings as models: a dependency that reads all parameters in one pass."""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)


class QueryReader(Generic[ModelT]):
    """Reads the query string of a request into a model. Raises `RequestValidationError`.

    FastAPI's own ``Query()`` examines the type of each field of the model with each request. For the twenty parameters
    of a list of movies that takes as long as the list itself. This moves the benchmark rows "list of ten" and "search".
    `server.web.openapi` documents the parameters.
    """

    def __init__(self, model: type[ModelT]) -> None:
        self.model = model
        self._lists = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is list}

    async def __call__(self, request: Request) -> ModelT:
        """Return the parameters. Of a repeated one that is not a list the last counts."""
        sent: dict[str, Any] = {}
        if request.scope["query_string"]:
            for name, value in request.query_params.multi_items():
                if name in self._lists:
                    sent.setdefault(name, []).append(value)
                else:
                    sent[name] = value
        try:
            return self.model.model_validate(sent)
        except ValidationError as error:
            raise RequestValidationError([
                {**item, "loc": ("query", *item["loc"])} for item in error.errors(include_url=False)
            ]) from None


def query_readers(dependant: Dependant) -> Iterator[QueryReader[Any]]:
    """Yield the readers among the dependencies of a route."""
    if isinstance(dependant.call, QueryReader):
        yield dependant.call
    for dependency in dependant.dependencies:
        yield from query_readers(dependency)
