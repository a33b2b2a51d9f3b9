# Prints the modules that a script imports, or a module of the project that it imports, and that this
# Python lacks. What a script can do without is in a `try`, or for a type checker.
import ast
import importlib.util
import os
import sys

script = sys.argv[1]
tops = [os.path.dirname(os.path.abspath(script)), os.getcwd()]
sys.path[:1] = tops
seen, missing = set(), []


def names(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            if child.module and not child.level:
                yield child.module
                yield from (child.module + "." + alias.name for alias in child.names)
        elif not (isinstance(child, ast.Try) and child.handlers) and not (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield from names(child)


def own_file(name):
    paths = [os.path.join(top, *name.split(".")) for top in tops]
    files = [path + end for path in paths for end in (".py", os.sep + "__init__.py")]
    return next(filter(os.path.isfile, files), None)


def is_there(name):
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True


def look(path):
    seen.add(path)
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return
    for name in names(tree):
        top, file = name.partition(".")[0], own_file(name)
        if file and file not in seen:
            look(file)
        elif not file and top not in missing and not is_there(top):
            missing.append(top)


look(script)
print(*missing, sep="\n")
