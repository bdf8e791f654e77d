"""
Every small change of a module that takes a check away: each is written into the module, and switched on by its number.

A condition is never or always met, one part of it is left out, an edge moves by one, a comparison is turned round, a query
asks for one thing less, a call made for its effect alone is not made. What is worked out when a module is read (its
constants and tables) stays as it is, and so do calls that only speak (`log`) or write (`flush`).
"""

import ast
import copy
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ASKED = "__changed__"
"""The name under which a changed module finds the function that says whether the change of a number is on."""
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
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
EDGES = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
NARROWING = {"where", "filter", "having"}
JOINING = {"and_", "or_"}
REFUSING = re.compile(r"refuse|require|check|ensure|expect|_say")
SILENT = {"flush", "debug", "info", "warning"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `was` stands in the line, `now` is what stands there when it is on."""

    line: int
    was: str
    now: str


def changed(source: str, first: int) -> tuple[ast.Module, list[Change]]:
    """Write all changes into a module, numbered from `first`; return it and what they are."""
    writer = _Writer(first)
    tree = ast.fix_missing_locations(writer.visit(ast.parse(source)))
    return tree, writer.changes


def names(path: str, source: str, found: Sequence[Change]) -> list[str]:
    """Name each change by the function or class it stands in, as it reads now, and its place among the changes there."""
    lines = source.splitlines()
    parts = [
        (node.lineno, node.end_lineno, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
        for node in ast.parse(source).body
    ]
    count: dict[str, int] = {}
    result = []
    for change in found:
        part = next(text for first, last, text in parts if first <= change.line <= last)
        count[part] = count.get(part, 0) + 1
        result.append(hashlib.sha256(f"{path}\n{part}\n{count[part]}".encode()).hexdigest())
    return result


def refusals(source: str) -> set[int]:
    """Return the lines in which it is decided whether something is refused."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and any(isinstance(line, ast.Raise) for line in node.body):
            lines |= set(range(node.test.lineno, (node.test.end_lineno or node.test.lineno) + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            lines |= {node.lineno} if REFUSING.search(ast.unparse(node.value.func)) else set()
    return lines


class _Writer(ast.NodeTransformer):
    def __init__(self, first: int) -> None:
        self.changes: list[Change] = []
        self._first = first
        self._inside = 0  # Functions around what is looked at.
        self._decided: set[int] = set()  # Conditions that are taken away as a whole.

    # --- only what runs when somebody calls --------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._inside += 1
        node.body = [self.visit(line) for line in node.body]
        self._inside -= 1
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815 - ast looks for these names.

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._inside += 1
        node.body = self.visit(node.body)
        self._inside -= 1
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = self.visit(node.value) if node.value else None
        return node

    # --- what is changed ---------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> ast.AST:
        if not self._inside:
            return super().visit(node)
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            self._condition(node, "test", ever=not isinstance(node, ast.While))
            return self.generic_visit(node)
        if isinstance(node, ast.match_case) and node.guard:
            self._condition(node, "guard")
            return self.generic_visit(node)
        if isinstance(node, ast.comprehension):
            node.ifs = [_Marked(one) for one in node.ifs]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            return self._call(node)
        if isinstance(node, _Marked):
            return self._chosen(node.held, _constants(node.held, ever=node.ever))
        if isinstance(node, ast.expr):
            return self._chosen(node, ())
        return super().visit(node)

    def _condition(self, node: ast.AST, field: str, *, ever: bool = True) -> None:
        setattr(node, field, _Marked(getattr(node, field), ever=ever))

    def _chosen(self, node: ast.expr, more: Sequence[ast.expr]) -> ast.expr:
        """Return the expression, or whichever of its changes is on."""
        as_it_was = copy.deepcopy(node)
        others = [*more, *_others(as_it_was, decided=bool(more))]
        numbers = [self._noted(as_it_was, other) for other in others]
        result: ast.expr = super().visit(node)
        for number, other in zip(numbers, others, strict=True):
            result = ast.copy_location(ast.IfExp(_asked(number), other, result), as_it_was)
        return result

    def _call(self, node: ast.Expr) -> ast.AST:
        """Leave out a call that is made for what it does, or a refusal that it may end in."""
        name = ast.unparse(node.value.func)
        if name.startswith("log.") or name.rpartition(".")[2] in SILENT:
            return self.generic_visit(node)
        number = self._noted(node, None)
        inner = self.generic_visit(node)
        return ast.copy_location(ast.If(_asked(number), [ast.Pass()], [inner]), node)

    def _noted(self, was: ast.AST, now: ast.AST | None) -> int:
        self.changes.append(Change(was.lineno, ast.unparse(was), "" if now is None else ast.unparse(now)))
        return self._first + len(self.changes) - 1


class _Marked(ast.expr):
    """A condition: what it decides can be never or always so."""

    def __init__(self, held: ast.expr, *, ever: bool = True) -> None:
        super().__init__()
        self.held = held
        self.ever = ever


def _asked(number: int) -> ast.expr:
    return ast.Call(ast.Name(ASKED, ast.Load()), [ast.Constant(number)], [])


def _constants(node: ast.expr, *, ever: bool) -> list[ast.expr]:
    return [ast.copy_location(ast.Constant(value), node) for value in ((False, True) if ever else (False,))]


def _others(node: ast.expr, *, decided: bool) -> Iterator[ast.expr]:
    """Yield what may stand in the place of an expression; of a condition that is `decided`, what is neither yes nor no."""
    match node:
        case ast.BoolOp(values=[_, _, *_]):
            yield from _without(node, "values", lambda values: values[0] if len(values) == 1 else None)
        case ast.BinOp(op=ast.BitAnd()) | ast.BinOp(op=ast.BitOr()) if _is_condition(node):
            yield from (node.left, node.right)
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                if not decided or len(node.ops) > 1 or isinstance(operator, EDGES):
                    turned = copy.deepcopy(node)
                    turned.ops[place] = TURNED[type(operator)]()
                    yield turned
        case ast.UnaryOp(op=ast.Not()) if not decided:
            yield node.operand
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[_, *_]) if attr in NARROWING:
            yield from _without(node, "args", lambda args: None if args else value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, _, *_]) if name in JOINING:
            yield from _without(node, "args", lambda _: None)


def _without(node: ast.expr, field: str, instead: Callable[[list[ast.expr]], ast.expr | None]) -> Iterator[ast.expr]:
    """Yield the expression with one of its parts less, or what then stands in its place."""
    parts = getattr(node, field)
    for place in range(len(parts)):
        left = copy.deepcopy(parts[:place] + parts[place + 1 :])
        less = copy.deepcopy(node)
        setattr(less, field, left)
        yield instead(left) or less


def _is_condition(node: ast.BinOp) -> bool:
    """Tell conditions of a query from types and sets: something in them is compared or asked."""
    sides = (node.left, node.right)
    return any(isinstance(part, ast.Compare | ast.Call) for side in sides for part in ast.walk(side))
