"""Read one source file: what it defines, and which names each definition uses, without importing it.

Comments, formatting, docstrings, `Field` descriptions, the wording of errors and warnings, and what only type checkers or
`python -m` see are dropped first, so that none of them changes a digest.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
WORDS = {"complain", "warn"}
"""Functions whose arguments are read by people only."""


def facts(text: str, module: str) -> dict[str, Any]:
    """Describe a module's source as JSON.

    `names` maps the names that the module imports to absolute dotted names, `imports` lists what importing it imports, and
    `definitions` maps each top-level name to its `parts` (digests; a class has one per method) and its `uses` (absolute
    dotted names). The definition "" is every other statement, which runs whenever the module is imported.
    """
    tree = ast.parse(text)
    _Bare().visit(tree)
    imports: set[str] = set()
    names: dict[str, str] = {}
    statements: dict[str, list[tuple[str, ast.stmt]]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
            continue
        defined = list(_defined(statement))
        for name in defined or [""]:
            statements.setdefault(name, []).extend(_parts(name, statement))
        names |= {name: f"{module}.{name}" for name in defined}
    for node in _outside_functions(tree):
        imports |= set(_imported(node))
        names |= _bindings(node)
    definitions: dict[str, Any] = {}
    for name, parts in statements.items():
        digests: dict[str, list[str]] = {}
        used: set[str] = set()
        for part, statement in parts:
            uses = _Uses(names).of(statement)
            digests.setdefault(part, []).extend([ast.dump(statement), *uses])
            used |= set(uses)
        parts_of = {part: _digest(lines) for part, lines in digests.items()}
        definitions[name] = {"parts": parts_of, "uses": sorted(filter(_installed, used))}
    elsewhere = {name: to for name, to in names.items() if _installed(to) and name not in definitions}
    return {"names": elsewhere, "imports": sorted(filter(_installed, imports)), "definitions": definitions}


def _installed(name: str) -> bool:
    """Whether a dotted name comes with a package, not with Python."""
    return name.split(".")[0].rstrip(":") not in sys.stdlib_module_names


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement does nothing but define."""
    if isinstance(statement, Function | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        flat = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
        if all(isinstance(target, ast.Name) for target in flat):
            yield from (target.id for target in flat if isinstance(target, ast.Name))


def _parts(name: str, statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """A statement under its name; a class as its methods and what remains of it."""
    if isinstance(statement, ast.ClassDef):
        methods = [member for member in statement.body if isinstance(member, Function)]
        yield from ((f"{name}.{method.name}", method) for method in methods)
        statement.body = [member for member in statement.body if not isinstance(member, Function)] or [ast.Pass()]
    yield name, statement


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler) and not isinstance(child, Function):
            yield child
            yield from _outside_functions(child)


def _imported(node: ast.AST) -> Iterator[str]:
    """What an import statement may import: of `from a import b` both `a` and `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _bindings(node: ast.AST) -> dict[str, str]:
    """The names that an import statement binds, with what they stand for."""
    if isinstance(node, ast.Import):
        return {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {}


class _Uses(ast.NodeVisitor):
    """Collects the global names that a statement uses; names local to a function or a comprehension do not count."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self.local: list[frozenset[str]] = []
        self.found: set[str] = set()

    def of(self, statement: ast.stmt) -> list[str]:
        """Return the absolute dotted names, sorted."""
        self.visit(statement)
        return sorted(self.found)

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            attributes.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._use(inner.id, reversed(attributes))
        else:
            self.visit(inner)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.found |= {f"{name}:" for name in _imported(node)}

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: Function | ast.Lambda) -> None:
        arguments = node.args
        outside = [*arguments.defaults, *(value for value in arguments.kw_defaults if value)]
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [given.annotation for given in every if given]
        if not isinstance(node, ast.Lambda):
            outside += node.decorator_list
            annotations.append(node.returns)
        for part in outside:
            self.visit(part)
        for annotation in annotations:
            self._annotation(annotation)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        imported = {name: to for part in body for inner in ast.walk(part) for name, to in _bindings(inner).items()}
        bound = {given.arg for given in every if given} | {name for part in body for name in _bound(part)}
        bound -= {name for part in body for n in ast.walk(part) if isinstance(n, ast.Global) for name in n.names}
        kept = self.names
        self.names = {**self.names, **imported}
        self._within(frozenset(bound - imported.keys()), body)
        self.names = kept

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
    visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_ListComp(self, node: Comprehension) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        targets = frozenset(
            inner.id for each in node.generators for inner in ast.walk(each.target) if isinstance(inner, ast.Name)
        )
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._within(targets, [*results, *first.ifs, *others])

    visit_SetComp = visit_ListComp  # noqa: N815
    visit_DictComp = visit_ListComp  # noqa: N815
    visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        for part in (node.target, node.value):
            if part:
                self.visit(part)

    def _annotation(self, node: ast.expr | None) -> None:
        for inner in ast.walk(node) if node else ():
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                with contextlib.suppress(SyntaxError):  # the choices of a `Literal` are no names
                    self.visit(ast.parse(inner.value, mode="eval"))
        if node:
            self.visit(node)

    def _within(self, bound: frozenset[str], parts: Iterable[ast.AST]) -> None:
        self.local.append(bound)
        for part in parts:
            self.visit(part)
        self.local.pop()

    def _use(self, name: str, attributes: Iterable[str]) -> None:
        if name in self.names and not any(name in bound for bound in self.local):
            self.found.add(".".join((self.names[name], *attributes)))


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a function's statement binds in the function itself."""
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, Comprehension):
        yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    for child in ast.iter_child_nodes(node):
        yield from _bound(child)


class _Bare(ast.NodeTransformer):
    """Drops what changes no result; parsing has dropped comments and formatting."""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | Function):
            node.body = [s for s in node.body if not _is_text(s) and not _is_unused(s)] or [ast.Pass()]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name == "Field":
                node.keywords = [k for k in node.keywords if k.arg not in {"description", "title"}]
            elif name in WORDS:
                node.args, node.keywords = [], []
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc, node.cause = node.exc.func, None
        visited: ast.AST = super().visit(node)
        if isinstance(visited, Function):
            _drop_words(visited)
        return visited


def _drop_words(function: Function) -> None:
    """Drop the assignments right before a `raise` that prepared its message and nothing else."""
    loads = Counter(_loads(function))
    for node in ast.walk(function):
        for block in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
            if not isinstance(block, list) or not block or not isinstance(block[-1], ast.Raise):
                continue
            while len(block) > 1 and isinstance(words := block[-2], ast.Assign):
                targets = [target.id for target in words.targets if isinstance(target, ast.Name)]
                if len(targets) < len(words.targets) or any(loads[name] for name in targets):
                    break
                loads -= Counter(_loads(words))
                del block[-2]


def _loads(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_unused(statement: ast.stmt) -> bool:
    """Whether an import of the module does not run it."""
    unused = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in unused
