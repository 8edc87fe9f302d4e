"""Every small mistake that could have been made in a source file, one at a time.

    comparison    <  <=   >  >=   ==  !=   in  not in   is  is not       either way
    arithmetic    +  -    *  /    &  |    <<  >>                         either way
                  //  *   %  *    **  *
    sign          -x  x   not x  x       the first becomes the second
    logic         and  or                either way
    number        n  n + 1   x  2 x   0.0  1.0   True  False
    axis          0  1   anything else  0

Left alone: docstrings and other texts, annotations, decorators, what is raised, and `strict`
of zip, which only notices what is a mistake already.
"""

import ast
import copy
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
AXES = ("axis", "dim", "dims")
LEFT_ALONE = ("strict",)
TYPES = ("NDArray", "tuple", "list", "dict")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake: where it stands, how many came before it on that line, and what it is."""

    line: int
    nth: int
    was: str
    became: str
    tree: ast.Module

    @property
    def key(self) -> str:
        """Tells it from the others of its file."""
        return f"{self.line}.{self.nth}  {self.was}  ->  {self.became}"


def mutations(source: str, leave_out: Collection[str] = ()) -> Iterator[Mutation]:
    """All of `source`, in the order of its lines, each with a tree of its own; but for values
    of the module's constants that are named in `leave_out`."""
    tree = ast.parse(source)
    axes = _axes(tree)
    made: Counter[int] = Counter()
    sites = [site for part in tree.body if not _sets(part, leave_out) for site in _sites(part)]
    for node in sorted(sites, key=lambda node: (node.lineno, node.col_offset)):
        others = _other_axis(node) if id(node) in axes else _others(node)
        for other in others:
            ast.copy_location(other, node)
            # a deep copy takes what its memo has for a node in place of the node
            changed = copy.deepcopy(tree, {id(node): other})
            was, became = ast.unparse(node), ast.unparse(other)
            line = node.lineno
            yield Mutation(line, made[line], was, became, ast.fix_missing_locations(changed))
            made[line] += 1


def _sets(statement: ast.stmt, names: Collection[str]) -> bool:
    """Whether it gives one of `names` its value."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in names
        case _:
            return False


def _sites(node: ast.AST) -> Iterator[ast.expr]:
    """Those that may be changed."""
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        if field == "slice" and _is_type(node):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in LEFT_ALONE:
                continue
            if isinstance(child, ast.expr):
                yield child
            if isinstance(child, ast.AST):
                yield from _sites(child)


def _is_type(node: ast.AST) -> bool:
    """Whether it is a subscript such as NDArray[...]."""
    return isinstance(node, ast.Subscript) and (
        isinstance(node.value, ast.Name) and node.value.id in TYPES
    )


def _axes(tree: ast.Module) -> set[int]:
    """Ids of the expressions that name an axis; those below one are not changed apart."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in AXES:
            found |= {
                id(below) for below in ast.walk(node.value) if isinstance(below, ast.expr)
            }
    return found


def _other_axis(node: ast.expr) -> Iterator[ast.expr]:
    """Zero becomes one, any other number zero, behind a minus too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(0 if node.value else 1)


def _others(node: ast.expr) -> Iterator[ast.expr]:
    """What could stand in the place of `node` by one mistake."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=values):
            for place, op in enumerate(ops):
                changed = [*ops[:place], COMPARISONS[type(op)](), *ops[place + 1 :]]
                yield ast.Compare(left, changed, values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield copy.copy(operand)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(2 * value if value else 1.0)
