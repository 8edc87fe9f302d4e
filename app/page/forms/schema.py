"""What a node of a JSON Schema asks for, as far as forms are concerned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]
Kind = Literal[
    "text", "number", "integer", "flag", "choice", "model", "texts", "numbers",
    "object", "union", "list", "json",
]  # fmt: skip
MODEL_PATTERN = "^mdl_"
_SCALARS: dict[str, Kind] = {
    "string": "text",
    "number": "number",
    "integer": "integer",
    "boolean": "flag",
}


@dataclass(frozen=True)
class Asked:
    """A node with its references followed. `nullable` means that nothing is an answer."""

    kind: Kind
    node: Schema
    nullable: bool
    description: str
    default: Any

    @property
    def tag(self) -> str:
        """The field that says which member of a union is meant."""
        return str(self.node["discriminator"]["propertyName"])

    @property
    def members(self) -> Mapping[str, str]:
        """Of a union: reference by tag."""
        mapping: Mapping[str, str] = self.node["discriminator"]["mapping"]
        return mapping

    @property
    def choices(self) -> tuple[str, ...]:
        """The closed set that a value is of."""
        return tuple(str(value) for value in _values(self.node))


MISSING: Any = object()


def asked(node: Schema, defs: Mapping[str, Schema]) -> Asked:
    """What `node` asks for."""
    whole = followed(node, defs)
    description = str(whole.get("description", ""))
    default = whole.get("default", MISSING)
    nullable = False
    if "anyOf" in whole and not _values(whole):
        members = [followed(each, defs) for each in whole["anyOf"]]
        others = [each for each in members if each.get("type") != "null"]
        nullable = len(others) < len(members)
        whole = others[0] if len(others) == 1 else {"anyOf": others}
    return Asked(_kind(whole, defs), whole, nullable, description, default)


def followed(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """The node that a reference means, with what stands beside the reference."""
    while "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {**defs[node["$ref"].rpartition("/")[2]], **beside}
    return node


def pattern(name: str) -> str:
    """The path with `*` for positions: `constraints.*.metric`."""
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def lists(node: Schema, defs: Mapping[str, Schema], name: str) -> Iterator[str]:
    """The pattern of every list of objects at `node` or below it."""
    ask = asked(node, defs)
    match ask.kind:
        case "object":
            for key, child in ask.node["properties"].items():
                yield from lists(child, defs, f"{name}.{key}")
        case "union":
            for reference in ask.members.values():
                yield from lists({"$ref": reference}, defs, name)
        case "list":
            yield name
            yield from lists(ask.node["items"], defs, f"{name}.*")
        case _:
            return


def _kind(node: Schema, defs: Mapping[str, Schema]) -> Kind:
    if "discriminator" in node:
        return "union"
    if _is_model(node):
        return "model"
    if _values(node):
        return "choice"
    if node.get("type") == "array":
        return _kind_of_list(node, defs)
    if node.get("type") == "object":
        return "object" if "properties" in node else "json"
    return _SCALARS.get(node.get("type", ""), "json")


def _kind_of_list(node: Schema, defs: Mapping[str, Schema]) -> Kind:
    items = node.get("prefixItems") or [node.get("items", {})]
    kinds = {_kind(followed(item, defs), defs) for item in items}
    if kinds <= {"object", "union"}:
        return "list"
    if all(followed(item, defs).get("type") in {"number", "integer"} for item in items):
        return "numbers"
    return "texts" if kinds <= {"text", "choice"} else "json"


def _is_model(node: Schema) -> bool:
    members = node.get("anyOf", [node])
    return any(str(each.get("pattern", "")).startswith(MODEL_PATTERN) for each in members)


def _values(node: Schema) -> list[Any]:
    """The values of an enum, a const, or a union of them; none where others are allowed."""
    if "anyOf" in node:
        each = [_values(member) for member in node["anyOf"] if member.get("type") != "null"]
        return [value for values in each for value in values] if all(each) else []
    if "enum" in node:
        return list(node["enum"])
    return [node["const"]] if "const" in node else []
