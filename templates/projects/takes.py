# Prints what scripts take as words, by what they say themselves: none of them is run. On stdin is
# an object of JSON, file -> text. It prints another one, file -> {"takes": [...], "acts": ...}, with
# null for what cannot be told. What a script takes is, for each command of it, the words that choose
# that, `args` and `params` as in skelebot.yaml, and names of words that may follow. argv[1] is the
# regular expression of the names that may be.
import ast
import contextlib
import itertools
import json
import os
import re
import sys

NAME = sys.argv[1]
TYPES = {**dict.fromkeys(("int", "INT", "IntRange", "integer"), "int"),
         **dict.fromkeys(("float", "FLOAT", "FloatRange", "double", "numeric"), "float")}
FLAGGED = ("store_true", "store_false", "store_const", "append_const", "count")


def spelling(name):
    return "-" + name if len(name) == 1 else "--" + name


class Takes:
    """The words that a script, or one command of it, takes: its args, params, and what may follow.

    command  the words that choose it, after the script
    """

    def __init__(self, command=""):
        self.command, self.args, self.params, self.more, self.names = command, [], [], [], set()

    def declare(self, flags, said):
        """Add what a script declares: its spellings, and name -> what is said of it."""
        kind, number = TYPES.get(said.get("type"), ""), said.get("nargs")
        if not flags or said.get("hidden") or said.get("action") in ("help", "version"):
            return
        if not flags[0].startswith("-"):
            self.argue(flags[0], number, said)
            return
        one = said.get("action") in FLAGGED or any(said.get(name) not in (None, False) for name
                                                   in ("is_flag", "flag", "count", "flag_value"))
        both = said.get("action") == "BooleanOptionalAction"
        sides = [flag.split("/") for flag in flags] + [
            ["", "--no-" + flag[2:]] for flag in flags if both and flag.startswith("--")]
        for index in (0, 1):
            side = [parts[index].strip() for parts in sides if len(parts) > index]
            several = "list" if number in ("+", "*") or (number or 1) not in (1, "?") else kind
            paired = one or both or any(len(parts) > 1 for parts in sides)
            self.offer(list(filter(None, side)), "boolean" if paired else several, said)

    def argue(self, name, number, said):
        """Add a positional word, or as many as it stands for; one that may be missing follows."""
        name, count = re.sub(r"[^\w.-]+", "-", name).strip("-."), number or 1
        if self.more or not isinstance(count, int) or said.get("default") is not None or count < 1:
            self.more += [name.upper()] if name else []
            return
        for index in range(1, count + 1):
            self.keep(self.args, f"{name}{index}" if count > 1 else name,
                      choices=said.get("choices"), help=said.get("help"))

    def together(self):
        """Itself, with all words after the options, where they cannot be on both sides."""
        self.more = [row["name"].upper() for row in self.args if self.more] + self.more
        self.args = [] if self.more else self.args
        return self

    def place(self, known):
        """Itself, with the names of words by their number; "" for one that may be missing."""
        for index in sorted(set(known) - {0}):
            self.argue(known[index] or f"arg{index}", None if known[index] else "?", {})
        return self

    def offer(self, flags, accepts, said):
        """Add an option, under the first of its long names."""
        long = [flag[2:] for flag in flags if re.match("--..", flag)]   # --n would be passed as -n
        short = [flag[1:] for flag in flags if re.fullmatch(r"-[A-Za-z0-9]", flag)]
        default, name = said.get("default"), (long or short or [""])[0]
        kind = {"int": int, "float": (int, float), "": str, "list": (list, tuple)}.get(accepts, ())
        fits = isinstance(default, kind) and not isinstance(default, bool) and default not in (
            "", [], ()) and not re.search(r"\$|^-\D", str(default)) and not said.get("exclusive")
        fits = fits and default in (said.get("choices") or [default])
        self.keep(self.params, name, alt=short[0] if long and short else "", accepts=accepts,
                  default=default if fits else None, choices=said.get("choices"),
                  help=said.get("help"))

    def keep(self, rows, name, help=None, choices=None, **said):
        """Add a row, unless its name is no name, or taken."""
        if not re.fullmatch(NAME, name) or name in self.names or name == "help" or (
                name == "h" and said.get("accepts") == "boolean"):
            return
        if said.get("alt") in self.names:
            said["alt"] = ""
        self.names |= {name, said.get("alt")}
        text = re.sub(r"%\(default\)\w|%default", str(said.get("default")), str(help or ""))
        said.update(choices=[str(choice) for choice in choices or ()],
                    help=" ".join(text.replace("%%", "%").split()))
        rows.append(dict(name=name, **{
            key: said[key] for key in ("alt", "default", "choices", "help", "accepts")
            if said.get(key) not in ("", None, [])}))


def dotted(node):
    """`a.b` of such a Python expression; "" of any other."""
    above = dotted(node.value) if hasattr(node, "attr") else ""
    return f"{above}.{node.attr}" if above else getattr(node, "attr", getattr(node, "id", ""))


def last_name(node):
    """The last name of an expression, or of what it calls: `Choice` of click.Choice()."""
    return dotted(getattr(node, "func", None) or node).rpartition(".")[2]


class PythonScript:
    """What a Python script says of the words that it takes; `names` has its constants' values."""

    def __init__(self, text):
        self.tree, self.names = ast.parse(text), {}
        self.nodes = sorted((node for node in ast.walk(self.tree) if hasattr(node, "lineno")),
                            key=lambda node: (node.lineno, node.col_offset))
        for one in self.tree.body:
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
                self.names[one.targets[0].id] = self.value(one.value)
        self.functions = {one.name: one for one in self.nodes
                          if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]

    @property
    def acts(self):
        """Whether it does something at its top level, other than to define and to assign."""
        return any(isinstance(one, (ast.For, ast.While, ast.With)) or (
            isinstance(one, ast.Expr) and isinstance(one.value, ast.Call))
            for one in self.tree.body)

    @property
    def takes(self):
        """[Takes], by the first of the ways that it uses."""
        modules = {(name or "").partition(".")[0] for node in self.nodes
                   for name in [getattr(node, "module", ""), *(
                       one.name for one in getattr(node, "names", ()) if hasattr(one, "asname"))]}
        ways = {"fire": self.fire, "typer": self.typer, "click": self.click,
                "argparse": self.declared, "optparse": self.declared}
        known = next((ways[name] for name in ways if name in modules), self.positions)()
        return [one for one in known if one.command or len(known) == 1]

    def value(self, node):
        """The value of an expression; None if only a run tells."""
        name = last_name(node)
        if isinstance(node, ast.Name) and name in self.names:
            return self.names[name]
        with contextlib.suppress(ValueError, TypeError, SyntaxError, IndexError, RecursionError,
                                 MemoryError):
            if not isinstance(node, ast.Call):
                return ast.literal_eval(node)
            if name == "keys":
                return list(self.value(node.func.value))
            if name == "range":
                return list(range(*map(self.value, node.args)))[:100]
            if name in ("list", "sorted", "tuple"):
                return self.value(node.args[0])
        return None

    def said(self, call):
        """What a call says of an option: its keywords, by their value or else their last name."""
        words = {one.arg: one.value for one in getattr(call, "keywords", ())}
        said = {name: self.value(value) for name, value in words.items()}
        said.update({name: last_name(words[name]) for name in ("type", "action")
                     if name in words and said[name] is None})
        return {**said, "hidden": said.get("hidden") or last_name(words.get("help")) == "SUPPRESS"}

    def flags(self, values):
        return [text for text in map(self.value, values) if isinstance(text, str)]

    # -- argparse and optparse

    def declared(self):
        """By add_argument; each parser of a command, or group of one, is known by its name."""
        targets = {id(node.value): dotted(node.targets[0]) for node in self.nodes
                   if isinstance(node, ast.Assign)}
        owners, takes, exclusive = {}, {"": Takes()}, set()
        for call in self.calls:
            method, above = last_name(call), dotted(getattr(call.func, "value", None))
            command, target = owners.get(above, ""), targets.get(id(call))
            if method == "add_parser":
                command = f"{command} {''.join(self.flags(call.args[:1]))}".strip()
                takes.setdefault(command, Takes(command))
            if method in ("add_argument", "add_option", "make_option"):
                takes[command].declare(self.flags(call.args), {
                    **self.said(call), "exclusive": above in exclusive})
            elif target:
                owners[target] = command
                exclusive |= {target} if method == "add_mutually_exclusive_group" else set()
        return [one.together() for one in takes.values()]

    # -- click

    def decorated(self, *kinds):
        """(name, function, decorator) of the functions that have one of these decorators."""
        return [(name, function, one) for name, function in self.functions.items()
                for one in function.decorator_list if last_name(one) in kinds]

    def named(self, name, decorator):
        """The name of a command: as its decorator has it, or as its function has."""
        texts = self.flags(getattr(decorator, "args", ())) or [self.said(decorator).get("name")]
        return texts[0] or name.lower().replace("_", "-")

    def click(self):
        """By the decorators of functions; a command below a group is called by both names."""
        groups, takes = {}, []
        several = bool(self.decorated("group"))
        for name, function, one in self.decorated("command", "group"):
            above = groups.get(dotted(getattr(one, "func", one)).rpartition(".")[0])
            command = f"{above or ''} {self.named(name, one)}".strip() if several else ""
            if last_name(one) == "group":
                groups[name] = "" if above is None else command
            else:
                takes.append(self.clicked(Takes(command), function))
        return takes

    def clicked(self, takes, function):
        for one in function.decorator_list:
            if last_name(one) not in ("option", "argument") or not hasattr(one, "args"):
                continue
            said = self.said(one)
            said.setdefault("type", type(said.get("default")).__name__)
            for word in one.keywords:
                if last_name(word.value) == "Choice" and word.value.args:
                    said["choices"] = self.value(word.value.args[0])
            if last_name(one) == "argument" and (
                    said.get("nargs") == -1 or said.get("required") is False):
                said["nargs"] = "*"
            takes.declare(self.flags(one.args), said)
        return takes

    # -- typer and fire: by a function's own parameters

    def parameters(self, function):
        """(name, annotation, default or None) of what a function takes; a * before more words."""
        args = function.args
        both = [*getattr(args, "posonlyargs", ()), *args.args]
        defaults = [None] * (len(both) - len(args.defaults)) + args.defaults
        both = [*zip(both, defaults), *zip(args.kwonlyargs, args.kw_defaults)]
        more = [("*" + args.vararg.arg, None, None)] if args.vararg else []
        return [(arg.arg, arg.annotation, default) for arg, default in both
                if arg.arg not in ("self", "cls")] + more

    def typer(self):
        """By functions with @app.command(), or that typer.run() gets."""
        alone = [call.args[0].id for call in self.calls if dotted(call.func) == "typer.run"]
        known = [(self.named(name, one), function)
                 for name, function, one in self.decorated("command")]
        known += [("", self.functions[name]) for name in alone if name in self.functions]
        several = len(known) > 1 or bool(self.decorated("callback"))
        return [self.typed(Takes(command if several else ""), function)
                for command, function in known]

    def typed(self, takes, function):
        """Add what a function takes; Option() or Argument() is its default, or in Annotated."""
        for name, kind, default in self.parameters(function):
            parts = list(ast.walk(kind)) if kind else []
            call = next((one for one in (*parts, default)
                         if last_name(one) in ("Option", "Argument")), None)
            flags = call.args if call else []
            if call and call is default:
                default, *flags = flags or [None]
            names = [last_name(one) for one in parts if one is not call and last_name(one)]
            said = {**self.said(call), **self.said_of(names, default)}
            needed = default is None or self.value(default) is ...
            said["default"] = None if needed else said["default"]
            if last_name(call) == "Argument" or (needed and last_name(call) != "Option"):
                one = needed and not {"List", "list", "Tuple"} & set(names)
                takes.declare([name], {**said, "nargs": None if one else "*"})
            elif "Context" not in names:
                plain = name.replace("_", "-")
                plain += f"/--no-{plain}" if said["is_flag"] else ""
                takes.declare(self.flags(flags) or ["--" + plain], said)
        return takes

    def said_of(self, names, default):
        """What the names in a parameter's annotation, and its default, say of it."""
        kind = next((one for one in names if one in ("bool", *TYPES)), "")
        said = {"type": kind, "is_flag": kind == "bool", "default": self.value(default)}
        for one in names:
            if isinstance(self.functions.get(one), ast.ClassDef):       # an Enum
                members = {last_name(row.targets[0]): self.value(row.value)
                           for row in self.functions[one].body if hasattr(row, "targets")}
                said.update(choices=list(members.values()), default=members.get(last_name(default)))
        return said

    def fire(self):
        """By the function, class or dict that fire.Fire() gets; without one, by all functions."""
        shown = next((one.args[0] for one in self.calls if last_name(one) == "Fire" and one.args),
                     None)
        one = self.functions.get(last_name(shown))
        pairs = [("", one)] if one else [
            (name, one) for name, one in self.functions.items() if one in self.tree.body]
        if isinstance(one, ast.ClassDef):
            pairs = [(method.name, method) for method in one.body
                     if not getattr(method, "name", "_").startswith("_")]
        elif isinstance(shown, ast.Dict):
            pairs = [(str(self.value(key)), self.functions.get(last_name(value)))
                     for key, value in zip(shown.keys, shown.values)]
        return [self.fired(Takes(name), one) for name, one in pairs if hasattr(one, "args")]

    def fired(self, takes, function):
        for name, kind, default in self.parameters(function):
            value = self.value(default)
            if default is None:
                takes.declare([name], {"nargs": "*" if name.startswith("*") else None})
            elif isinstance(value, bool):
                takes.declare([spelling(f"no{name}" if value else name)], {"is_flag": True})
            else:
                takes.declare([spelling(name)], {"default": value, "type": type(value).__name__})
        return takes

    # -- sys.argv

    def positions(self):
        """By the words of sys.argv that it looks at; one that a test decides on may be missing."""
        takes, sometimes, targets, known = Takes(), set(), {}, {}
        for node in self.nodes:
            if isinstance(node, (ast.If, ast.IfExp)) and "argv" in ast.dump(node.test):
                parts = node.body if isinstance(node.body, list) else [node.body]
                sometimes |= {id(one) for part in parts for one in ast.walk(part)}
            if isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
                targets.update(dict.fromkeys(map(id, ast.walk(value)), last_name(target)))
                first = 0 if last_name(value) == "argv" else 1
                names = getattr(target, "elts", ()) if "argv" in ast.dump(value) else ()
                known.update(enumerate(map(last_name, names), first))
            index = self.index_of(node)
            if index:
                known.setdefault(index, "" if id(node) in sometimes
                                 else targets.get(id(node)) or f"arg{index}")
        return [takes.place(known)]

    def index_of(self, node):
        """Which word of sys.argv an expression is; None of any other."""
        if not isinstance(node, ast.Subscript) or last_name(node.value) != "argv":
            return None
        place = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
        index = self.value(place)       # Python had that node around it until 3.8
        return index if isinstance(index, int) and index > 0 else None


class RScript(PythonScript):
    """What an R script says, whose calls are almost Python's."""
    TEXT = r"{0}(?:\\(?:[\s\S]|\Z)|[^{0}\\])*(?:{0}|\Z)"
    NOTE = (rf"(?P<text>{TEXT.format(chr(34))}|{TEXT.format(chr(39))})|#.*"
            r"|(?P<int>\d+)L\b|\$|::|%[^%\n]*%|\b(?:if|function)[ \t]*\([^()]*\)[^,()]*")
    SET = r"[ \t]*([\w.]+)[ \t]*(?:<-|=)"
    LONGEST, MOST = 4000, 300       # characters of a call, and calls

    def __init__(self, text):
        self.text, self.nodes, self.functions = text, [], {}
        self.names = {"TRUE": True, "T": True, "FALSE": False, "F": False}
        calls = re.finditer(r"\b(?:make_option|add_option|add_argument)\(", text)
        self.calls = list(filter(None, map(self.call, itertools.islice(calls, self.MOST))))

    def call(self, match):
        """The syntax tree of a call, as if it were Python's; None if that is never closed."""
        def plain(piece):
            string = (piece["text"] or "").replace("\n", "\\n")
            return string or piece["int"] or {"#": "", "$": ".", ":": ".", "%": "+"}.get(
                piece.group()[0], "None")       # what if and function give
        text = re.sub(self.NOTE, plain, self.text[match.start():match.end() + self.LONGEST])
        for end in [one.end() for one in re.finditer(r"\)", text)][:50]:
            # else this bracket closes another one, or is in a text
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                return ast.parse(text[:end], mode="eval").body
        return None

    def value(self, node):
        if last_name(node) in ("c", "list") and hasattr(node, "args"):
            return list(map(self.value, node.args))
        return super().value(node)

    def said(self, call):
        said = super().said(call)
        if last_name(call) != "add_argument":
            said.setdefault("type", type(said.get("default")).__name__)
        return said

    def flags(self, values):
        words = [one.value for call in self.calls if call.args is values
                 for one in call.keywords if one.arg in ("opt_str", "arg", "short")]
        texts = map(self.value, [*values, *words])
        return [one for text in texts for one in (text if isinstance(text, list) else [text])
                if isinstance(one, str)]

    @property
    def acts(self):
        return bool(re.search(r"(?m)^(?!library|require|suppress|options|set)[\w.:]+\(", self.text))

    @property
    def takes(self):
        """By what it declares, or by the words of commandArgs() that it looks at."""
        known, words = {}, None
        for line in self.text.split("\n"):
            whole = re.match(self.SET + r"[ \t]*commandArgs\(([^)]*)", line)
            name = re.match(self.SET, line)
            words = whole.group(1) if whole and "T" in whole.group(2) else words
            for one in re.finditer(r"\b([\w.]+)\[\[?(\d{1,3})\]", line):
                if one.group(1) == words:
                    index, sometimes = int(one.group(2)), "length(" in line[:one.start()]
                    known[index] = known.get(index) or (
                        "" if sometimes else name.group(1) if name else f"arg{index}")
        return [self.declared()[0].place(known)]


class BashScript:
    """What a shell script says: by getopts, the labels of a case, and what is set to $1, $2, ..."""

    def __init__(self, text):
        self.text = text

    @property
    def labels(self):
        """[(the labels of a case, what is done there)]; the labels as they are written."""
        label = r"(?m)^[ \t]*\(?(-?[\w|][\w| \t-]*|--[\w| \t-]*)\)"
        _, *parts = re.split(label, self.text)
        return [(one, body.partition(";;")[0]) for one, body in zip(parts[::2], parts[1::2])]

    @property
    def words(self):
        """[(name, number, sign)] of $1, $2, ... outside of functions; "" where they get no name."""
        inside, words = False, []
        for line in re.sub(r"'[^'\n]*'", "''", self.text).split("\n"):
            starts = re.match(r"(?:function[ \t]+)?[\w-]+[ \t]*\(\)", line)
            inside = not line.rstrip().endswith("}") if starts else \
                inside and not line.startswith("}")
            if not starts and not inside and line[:1] not in (" ", "\t", "#"):
                name = re.match(r"(?:(?:readonly|export|declare)[ \t]+)?(\w+)=", line)
                words += [(name.group(1) if name else "", int(index), sign) for index, sign
                          in re.findall(r"\$\{?([1-9])\b(:?[-=+])?", line)]
        return words

    @property
    def takes(self):
        takes, letters = Takes(), re.search(r"\bgetopts[ \t]+[\"']?:?([\w:]+)", self.text)
        cases, known = self.labels, {}
        for letter, valued in re.findall(r"(\w)(:?)", letters.group(1)) if letters else ():
            about = re.match(r"\s*(\w+)=", dict(cases).get(letter, ""))
            takes.declare(["-" + letter], {"is_flag": not valued, "help": about and about.group(1)})
        cases = [] if letters else [case for case in cases if case[0].startswith("-")]
        for labels, body in cases:
            flags = [one.strip() for one in labels.split("|")]
            takes.declare(flags, {"is_flag": "$2" not in body})
        for name, index, sign in self.words:
            missing = letters or cases or sign
            known.setdefault(index, "" if missing else name or f"arg{index}")
        return [takes.place(known)]


class DocoptUsage:
    """What the text of a usage says, in whichever language. Source: docopt.org"""

    def __init__(self, text):
        text = text[re.search(r"(?i)usage:\s*", text).end():]
        text = re.split(r"(?m)\"\"\"|'''|[\"'](?=[ \t]*(?:->|\)|$))", text)[0]
        usage, _, rest = re.sub(r"(?m)^[ \t]+$", "", text).partition("\n\n")
        self.usage, self.options = usage.split("\n"), list(self.described(rest))

    def described(self, text):
        """(spellings, what is said) of the lines that describe options."""
        for option in re.split(r"\n[ \t]*(?=-)", "\n" + text)[1:]:
            flags, _, about = option.partition("\n\n")[0].partition("  ")
            names = re.findall(r"--?\w[\w-]*", flags)
            default = re.search(r"(?i)\[default: ([^\[\]]*)\]", about)
            yield names, {"is_flag": not re.search(r"[ =](<|[A-Z]+\b)", flags), "help": about,
                          "hidden": "--version" in names,
                          "default": default and default.group(1)}

    @property
    def takes(self):
        """By the lines of the usage, each of a command of its own, and those of options."""
        takes = {}
        for line in self.usage:
            _, *words = re.findall(r"\[[^\[\]]*\](?:\.\.\.)?|\([^()]*\)(?:\.\.\.)?|\S+", line)
            if takes and not set(words) - {"-h", "|", "--help", "--version"}:
                continue
            count = next((i for i, word in enumerate(words) if not re.match(r"[a-z][\w-]*$", word)),
                         len(words))
            command = " ".join(words[:count])
            for word in words[count:]:
                self.add(takes.setdefault(command, Takes(command)), word)
            takes.setdefault(command, Takes(command))
        return list(takes.values())

    def add(self, takes, word):
        """Add what one word of a usage stands for."""
        flags = re.findall(r"(--?\w[\w-]*)(=)?", word)
        known = self.options if word == "[options]" else [
            next((one for one in self.options if flag in one[0]), ([flag], {"is_flag": not valued}))
            for flag, valued in flags]
        for names, said in known:
            takes.declare(names, said)
        if word != "[options]" and not flags:
            name = re.fullmatch(r"<([^>]+)>|[A-Z][A-Z_-]+", word)
            takes.argue(re.sub(r"[^\w -]", "", word).lower(), None if name else "*", {})


SCRIPTS = {".py": PythonScript, ".r": RScript, ".sh": BashScript}


def told(reader, what, text):
    """What a reader of scripts says of one, as JSON; null if that cannot be read."""
    try:
        return json.dumps(getattr(reader(text), what), default=lambda one: (
            [one.command, one.args, one.params, one.more] if isinstance(one, Takes) else str(one)))
    except (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError, TypeError,
            IndexError):
        return "null"


def answer(file, text):
    """What a script `takes`, and whether it `acts`."""
    kind = SCRIPTS[os.path.splitext(file)[1].lower()]
    usage = "docopt(" in text and re.search(r"(?i)usage:", text)
    takes = told(DocoptUsage if usage else kind, "takes", text)
    return f'{json.dumps(file)}: {{"takes": {takes}, "acts": {told(kind, "acts", text)}}}'


if __name__ == "__main__":
    print("{" + ", ".join(itertools.starmap(answer, json.load(sys.stdin).items())) + "}")
