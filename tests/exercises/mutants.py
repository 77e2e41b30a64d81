"""Variants of a program with one change each, as a slip of the pen makes them: what a check has to refuse."""

import ast
import copy
from collections.abc import Iterator

_OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Lt: (ast.LtE, ast.GtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt, ast.GtE),
    ast.Gt: (ast.GtE, ast.LtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt, ast.LtE),
    ast.Eq: (ast.NotEq, ast.GtE, ast.LtE),
    ast.NotEq: (ast.Eq,),
}
_NAMES = {
    "max": ("min", "mean", "sum"),
    "min": ("max",),
    "maximum": ("minimum", "add"),
    "minimum": ("maximum", "add"),
    "argmax": ("argmin", "max"),
    "mean": ("sum", "median", "max", "min"),
    "sum": ("mean", "max"),
    "prod": ("sum", "min", "max"),
    "any": ("all", "sum"),
    "std": ("var", "mean"),
    "sqrt": ("square", "log"),
    "exp": ("exp2", "square", "abs"),
    "log": ("log2", "log1p", "exp"),
    "bincount": ("unique",),
    "tile": ("repeat",),
    "append": ("remove",),
    "isinstance": ("issubclass",),
    "len": ("sum", "max"),
    "MeanAbsoluteError": ("MeanSquaredError", "Huber", "LogCosh"),
    "MeanBoxIoU": ("BoxAccuracy", "ClsLocAccuracy"),
    "SparseCategoricalCrossentropy": ("CategoricalCrossentropy", "MeanAbsoluteError"),
    "BatchNormalization": ("LayerNormalization", "Conv2D", "Layer"),
}
_TEXTS = {
    "clsloc": ("test_clsloc", "val_loss", "accuracy", "mean_iou"),
    "is_difficult": ("is_truncated", "label", "pose"),
    "setting": ("clsloc", "val_loss"),
    "l1": ("l2", "giou"),
    "l2": ("l1", "giou"),
    "giou": ("l1", "l2"),
    "label": ("box",),
    "box": ("label",),
    "loss": ("metrics",),
    "accuracy": ("mean_iou",),
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each change, as the line that it makes, and the whole program with it."""
    tree = _Unshared().visit(ast.parse(source))
    before = ast.unparse(tree)
    lines, seen = set(before.splitlines()), {before}
    for index, node in enumerate(ast.walk(tree)):
        for number in range(len(list(_changes(node, tree)))):
            changed = copy.deepcopy(tree)
            old = list(ast.walk(changed))[index]
            new = list(_changes(old, changed))[number]
            _put(changed, old, new)
            try:
                program = ast.unparse(ast.fix_missing_locations(changed))
            except (AttributeError, ValueError):  # A statement stands where a value should.
                continue
            if program not in seen:
                seen.add(program)
                yield next((line.strip() for line in program.splitlines() if line not in lines), "less"), program


class _Unshared(ast.NodeTransformer):
    """Python makes one node for all plus signs of a program; here each gets its own, to be changed alone."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        return copy.copy(node) if isinstance(node, (ast.operator, ast.unaryop, ast.boolop, ast.cmpop)) else node


def _put(tree: ast.AST, old: ast.AST, new: ast.AST | None) -> None:
    """Puts a node in the place of another one, or takes that away."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(each is old for each in value):
                place = next(index for index, each in enumerate(value) if each is old)
                value[place : place + 1] = [] if new is None else [new]
                if not value and name == "body":
                    value.append(ast.Pass())


def _changes(node: ast.AST, tree: ast.AST) -> Iterator[ast.AST | None]:
    """What may stand in the place of a node; `None` for nothing at all."""
    for kind, others in _OPERATORS.items():
        if type(node) is kind:
            yield from (other() for other in others)
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield from (ast.Constant(other) for other in (value + 1, value - 1, value * 1.02) if other != value)
        case ast.Constant(value=str() as value):
            yield from (ast.Constant(other) for other in _TEXTS.get(value, ()))
        case ast.Name(id=name, ctx=ast.Load()):
            yield from (ast.Name(other, ast.Load()) for other in (*_NAMES.get(name, ()), *_other_names(name, tree)))
        case ast.Attribute(value=value, attr=name, ctx=ast.Load()):
            yield from (ast.Attribute(value, other, ast.Load()) for other in _NAMES.get(name, ()))
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.BinOp(left=left, op=operator, right=right):
            yield from (left, right)
            if not isinstance(operator, (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)):
                yield ast.BinOp(right, operator, left)
        case ast.BoolOp(values=values):
            yield from values
        case ast.Call(func=function, args=arguments):
            yield from arguments[:1]
            if isinstance(function, ast.Attribute):
                yield function.value
        case ast.Slice(lower=lower, upper=upper):
            yield ast.Slice(upper, lower)
        case ast.Subscript(value=value, ctx=ast.Load()):
            yield value
        case ast.Tuple(elts=parts, ctx=ast.Load()) | ast.List(elts=parts, ctx=ast.Load()) if len(parts) > 1:
            yield type(node)([*parts[1:], parts[0]], ast.Load())
            yield type(node)(parts[::-1], ast.Load())
        case ast.Return(value=value) if value is not None:
            as_array = ast.Attribute(ast.Name("np", ast.Load()), "asarray", ast.Load())
            for more in ("None", "..., None"):  # The right numbers with brackets around all, or around each.
                place = ast.parse(f"x[{more}]").body[0].value.slice
                yield ast.Return(ast.Subscript(ast.Call(as_array, [value], []), place, ast.Load()))
        case ast.keyword() | ast.Assign() | ast.AugAssign() | ast.Expr():
            yield None
        case ast.If(body=body):
            yield body[0]


def _other_names(name: str, tree: ast.AST) -> list[str]:
    """The other arguments of the function, for a name that is one."""
    arguments = [each.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for each in node.args]
    return [other for other in arguments if other != name] if name in arguments else []
