"""A docstring as Markdown: paragraphs as they are, indented lines as blocks of code."""

import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2] / "worker" / "engine"
_MARKED = re.compile(r"([*<]|(?<!\w)_|_(?!\w))")  # what Markdown would take for its own
_CODE = re.compile(r"(`[^`]*`)")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def docstring_of(module: str) -> str:
    """Of a module below worker/engine, read without importing it.

    Raises FileNotFoundError for no such module, ValueError where it says nothing.
    """
    text = (ENGINE / f"{module}.py").read_text()
    said = ast.get_docstring(ast.parse(text))
    if not said:
        raise ValueError(f"worker/engine/{module}.py has no docstring")
    return said


def first_sentence(docstring: str) -> str:
    """The first paragraph's lines as one, as plain Markdown."""
    return escaped(" ".join(docstring.strip().split("\n\n")[0].split()))


def markdown(docstring: str) -> str:
    """Paragraphs and code blocks, an empty line between two."""
    return "\n\n".join(_blocks(docstring.strip("\n").splitlines()))


def escaped(text: str) -> str:
    """`text` without accidental emphasis or tags; arXiv numbers become links."""
    parts = _CODE.split(text)
    parts[::2] = [_MARKED.sub(r"\\\1", part) for part in parts[::2]]
    return _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", "".join(parts))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Lines that are indented, and the empty ones between them, are one block."""
    blocks: list[tuple[bool, list[str]]] = []
    for empty, group in groupby(lines, key=lambda line: not line.strip()):
        if empty:
            continue
        for indented, run in groupby(group, key=lambda line: line.startswith(" ")):
            part = list(run)
            if indented and blocks and blocks[-1][0]:
                blocks[-1][1].extend(["", *part])
            else:
                blocks.append((indented, part))
    for indented, block in blocks:
        if indented:
            width = min(len(line) - len(line.lstrip()) for line in block if line)
            yield "\n".join(["```text", *(line[width:] for line in block), "```"])
        else:
            yield escaped("\n".join(block))
