"""The texts of a file: docstrings, comments and strings of a Python module, the prose of a Markdown page."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WORDS_OF_A_SENTENCE = 3


class Text(NamedTuple):
    """A text and the number of its first line."""

    line: int
    content: str
    is_docstring: bool = False


def read_texts(path: Path) -> Iterator[Text]:
    """Yield the texts of a file. The strings of a module count under `server/` only: users read them."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield Text(1, prose_of_markdown(source))
        return
    tree = ast.parse(source)
    docstrings = list(_docstrings(tree))
    yield from (Text(node.lineno, str(node.value), is_docstring=True) for node in docstrings)
    yield from _comments(source)
    yield from _names_of_tests(tree)
    if "server" in path.parts:
        yield from _sentences(tree, {id(node) for node in docstrings})


def prose_of_markdown(source: str) -> str:
    """Return a page without code blocks and the targets of links; its lines keep their numbers."""
    without_code = re.sub(r"^ *```.*?^ *```", lambda code: "\n" * code[0].count("\n"), source, flags=re.M | re.S)
    return re.sub(r"\]\([^)]*\)", "]", without_code)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the strings that are statements: docstrings of modules, classes, functions and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def _comments(source: str) -> Iterator[Text]:
    """Yield comments; those on adjacent lines are one text."""
    block: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if block and token.start[0] != block[-1][0] + 1:
            yield _joined(block)
            block = []
        block.append((token.start[0], token.string.lstrip("# ")))
    if block:
        yield _joined(block)


def _names_of_tests(tree: ast.Module) -> Iterator[Text]:
    """Yield the sentences that are the names of tests."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(node.lineno, node.name.removeprefix("test_").replace("_", " ").capitalize())


def _joined(block: list[tuple[int, str]]) -> Text:
    return Text(block[0][0], "\n".join(content for _, content in block))


def _sentences(tree: ast.Module, docstrings: set[int]) -> Iterator[Text]:
    """Yield the strings of more than a few words: error texts, help, descriptions."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            content = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            content = node.value
        else:
            continue
        if len(content.split()) >= WORDS_OF_A_SENTENCE:
            yield Text(node.lineno, content)
