"""command.md: the `lathe` command, from its own help."""

import json
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

import lathe.cli
from docs.generate.prose import escaped, markdown
from docs.generate.schema import cell, row

HELP = frozenset({"help", "install_completion", "show_completion"})
COMMON = frozenset({"url", "key", "as_json"})  # described once
Parameter = TyperArgument | TyperOption
_HEAD = [row(["option", "default", "what it is"]), "|---|---|---|"]


def page() -> str:
    """Markdown of every command."""
    parts = ["# The lathe command", markdown(cleandoc(lathe.cli.__doc__ or ""))]
    parts += ["## What most of them take", _table(_common())]
    for name, command in commands():
        told = escaped(cleandoc(command.help or ""))
        own = [each for each in parameters(command) if each.name not in COMMON]
        parts += [f"## lathe {name}", told, _usage(name, command), _table(own)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _common() -> list[Parameter]:
    every = [each for _, command in commands() for each in parameters(command)]
    optional = (each for each in every if each.name in COMMON and not each.required)
    return list({each.name: each for each in optional}.values())


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """What can be called, by its words after `lathe`."""
    yield from _below("", get_command(lathe.cli.app))


def _below(prefix: str, node: Any) -> Iterator[tuple[str, TyperCommand]]:
    if not isinstance(node, TyperGroup):
        yield prefix.strip(), node
        return
    for name, inner in node.commands.items():
        if not inner.hidden:
            yield from _below(f"{prefix} {name}", inner)


def parameters(command: TyperCommand) -> list[Parameter]:
    """Arguments and options, but those that every command has."""
    return [
        each
        for each in command.params
        if isinstance(each, Parameter) and each.name not in HELP and not each.hidden
    ]


def _usage(name: str, command: TyperCommand) -> str:
    places = [
        f"{'' if each.required else '['}{str(each.name).upper()}{'' if each.required else ']'}"
        for each in parameters(command)
        if isinstance(each, TyperArgument)
    ]
    return f"```sh\n{' '.join(['lathe', name, *places, '[OPTIONS]'])}\n```"


def _table(options: list[Parameter]) -> str:
    lines = [
        row([f"`{_written(each)}`", _default(each), cell(each.help or "")]) for each in options
    ]
    return "\n".join([*_HEAD, *lines]) if lines else ""


def _written(each: Parameter) -> str:
    if isinstance(each, TyperArgument):
        return str(each.name).upper()
    short_first = sorted(each.opts, key=len)
    return "`, `".join([*short_first, *each.secondary_opts])


def _default(each: Parameter) -> str:
    if each.required:
        return "must be given"
    if each.default in (None, False, ()) or callable(each.default):
        return ""
    known = each.default
    return f"`{json.dumps(known) if isinstance(known, bool | int | float) else known}`"
