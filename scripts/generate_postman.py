"""Generate the Postman collection from the OpenAPI document and `tests/e2e/tools/postman`.

`steps.json` lists the calls in order, with their parameters. `scripts` holds the tests of each response, in a file
named after the step. Paths, parameters, descriptions and fields come from the document. GET operations that are not
among the steps are appended.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

Json = dict[str, Any]

SOURCE = Path("tests/e2e/tools/postman")
VARIABLE = re.compile(r"\{\{\w+\}\}")
SCHEMAS = "#/components/schemas/"
JSON = "application/json"

COLLECTION = {
    "name": "Matinee",
    "description": (
        "The agreed endpoints in order, each with its tests, then the others. It can be run repeatedly, against the "
        "demo or real MovieLens data. `make docs` writes it from the OpenAPI document and `tests/e2e/tools/postman`."
    ),
    "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
}
EVERYWHERE = """\
pm.test("the response has an id", () => {
    pm.expect(pm.response.headers.get("X-Request-ID")).to.match(/^[A-Za-z0-9._-]{1,64}$/);
});
"""
FIELDS = """\
pm.test("status and fields are those of the OpenAPI document", () => {
    const documented = %s;
    pm.expect(documented).to.have.property(pm.response.code);
    const { required, allowed } = documented[pm.response.code];
    if (allowed.length) {
        pm.expect(pm.response.json()).to.include.all.keys(required);
        pm.expect(allowed).to.include.members(Object.keys(pm.response.json()));
    }
});
"""
READS = """\
pm.test("it answers", () => pm.response.to.have.status(200));
"""


class Step(BaseModel):
    """One call of the collection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    call: str
    path: dict[str, str] = {}
    query: dict[str, str] = {}
    body: str | None = None
    about: str | None = None

    @property
    def script(self) -> str:
        """The tests of its response."""
        name = re.sub(r"[^a-z0-9]+", "-", self.name.lower().replace("'", ""))
        return (SOURCE / "scripts" / f"{name}.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Operation:
    """An operation of the document, with its path and method."""

    path: str
    method: str
    content: Json
    components: Json

    def parameters(self, place: str) -> list[Json]:
        """Return the parameters of a place: `path` or `query`."""
        return [parameter for parameter in self.content.get("parameters", []) if parameter.get("in") == place]

    def request(self, step: Step) -> Json:
        """Build the request of a step."""
        request: Json = {
            "method": self.method.upper(),
            "description": step.about or self.content["description"],
            "url": self._url(step),
        }
        if step.body is not None:
            media_type = next(iter(self.content["requestBody"]["content"]))
            if media_type == JSON:
                _check(step, json.loads(VARIABLE.sub("1", step.body)), self._body_fields())
            language = "json" if media_type == JSON else "text"
            request["header"] = [{"key": "Content-Type", "value": media_type}]
            request["body"] = {"mode": "raw", "raw": step.body, "options": {"raw": {"language": language}}}
        return request

    def fields(self) -> Json:
        """Return by status the fields that a response must have and those that it may have."""
        fields = {}
        for status, response in self.content["responses"].items():
            contents: list[Json] = list(response.get("content", {}).values())
            schema = self._resolved(contents[0]["schema"]) if contents else {}
            fields[status] = {"required": schema.get("required", []), "allowed": list(schema.get("properties", {}))}
        return fields

    def _url(self, step: Step) -> Json:
        _check(step, step.path, [parameter["name"] for parameter in self.parameters("path")])
        _check(step, step.query, [parameter["name"] for parameter in self.parameters("query")])
        values = {
            name: step.path.get(name, f"{{{{{_variable(name)}}}}}") for name in re.findall(r"\{(\w+)\}", self.path)
        }
        parts = self.path.format(**values).removeprefix("/").split("/")
        query = [
            {"key": name, "value": step.query[name], "description": parameter["description"]}
            if (name := parameter["name"]) in step.query
            else {"key": name, "value": _shown(parameter), "description": parameter["description"], "disabled": True}
            for parameter in self.parameters("query")
        ]
        sent = "&".join(f"{part['key']}={part['value']}" for part in query if "disabled" not in part)
        raw = "/".join(["{{baseUrl}}", *parts]) + (f"?{sent}" if sent else "")
        return {"raw": raw, "host": ["{{baseUrl}}"], "path": parts, "query": query}

    def _body_fields(self) -> list[str]:
        schema = self._resolved(self.content["requestBody"]["content"][JSON]["schema"])
        return list(schema["properties"])

    def _resolved(self, schema: Json) -> Json:
        found: Json = self.components[schema["$ref"].removeprefix(SCHEMAS)] if "$ref" in schema else schema
        return found


def render_collection(document: Json) -> str:
    """Return the collection as text. Raise `ValueError` for a step that does not match the document."""
    operations = {operation.content["operationId"]: operation for operation in _operations(document)}
    steps = TypeAdapter(list[Step]).validate_json((SOURCE / "steps.json").read_bytes())
    for step in steps:
        _check(step, [step.call], list(operations))
    walked = {step.call for step in steps}
    others = [
        Step(name=operation.content["summary"], call=name)
        for name, operation in operations.items()
        if operation.method == "get" and name not in walked
    ]
    items = [_item(step, operations[step.call], step.script) for step in steps]
    rest = [_item(step, operations[step.call], READS) for step in others]
    variables = {"baseUrl": "http://127.0.0.1:8000"} | {
        _variable(parameter["name"]): "1"
        for operation in operations.values()
        for parameter in operation.parameters("path")
    }
    collection = {
        "info": COLLECTION,
        "variable": [{"key": key, "value": value} for key, value in variables.items()],
        "event": [_test(EVERYWHERE)],
        "item": [*items, {"name": "The rest", "item": rest}],
    }
    return json.dumps(collection, indent=2, ensure_ascii=False) + "\n"


def _operations(document: Json) -> Iterator[Operation]:
    for path, operations in document["paths"].items():
        for method, content in operations.items():
            yield Operation(path, method, content, document["components"]["schemas"])


def _item(step: Step, operation: Operation, script: str) -> Json:
    tests = FIELDS % json.dumps(operation.fields()) + script
    return {"name": step.name, "event": [_test(tests)], "request": operation.request(step)}


def _test(script: str) -> Json:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": script.splitlines()}}


def _variable(parameter: str) -> str:
    first, *others = parameter.split("_")
    return first + "".join(word.capitalize() for word in others)


def _shown(parameter: Json) -> str:
    """Return a value to show for a parameter that is not sent."""
    schema = parameter["schema"]
    value = schema.get("default") or next(iter(schema.get("examples", [""])))
    return str(value[0] if isinstance(value, list) else value)


def _check(step: Step, names: Any, known: list[str]) -> None:  # noqa: ANN401 (any iterable of names)
    """Raise `ValueError` if a step uses a name that the document does not have: the step is stale."""
    for name in names:
        if name not in known:
            raise ValueError(f"{SOURCE}/steps.json, {step.name!r}: {name!r} is not one of {', '.join(known)}.")
