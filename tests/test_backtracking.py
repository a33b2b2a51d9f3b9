"""No regular expression of ours takes more than linear time on a text that somebody else wrote.

The expressions are taken from the module's syntax tree and its records; each is fed texts on which an expression
that goes back and forth is slow: its pieces repeated, and then something that does not fit.
"""
import ast
import os
import re
import time
import unittest
import warnings

import support
import skelebot

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        from re import _parser as parser
    except ImportError:
        import sre_parse as parser

CALLS = {"search": "search", "match": "match", "fullmatch": "fullmatch", "sub": "search", "findall": "search",
         "split": "search", "finditer": "search", "compile": "search"}
GIVEN = {"name": "title", "escape": r"\\", "mask": "x", "wrong": "x"}     # what pieces stand for that are put in by a function
SIZES = {500: 0.05, 8000: 0.002}     # characters: seconds; cubic takes longer at the first, quadratic at the second
MOST = 4 ** 1.7     # times as long for four times the text: linear is 4, quadratic 16


def expressions():
    """(line, expression, how it is used) of every call of re in the module."""
    with open(os.path.join(support.ROOT, "skelebot.py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        function = getattr(node, "func", None)
        if isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "re" and function.attr in CALLS:
            code = compile(ast.Expression(node.args[0]), "skelebot.py", "eval")
            try:
                yield node.lineno, eval(code, vars(skelebot), GIVEN), CALLS[function.attr]
            except (NameError, AttributeError):
                pass                        # it is that of a record, or of a step, or made of .dockerignore


def record_expressions():
    kinds = [kind for kind in vars(skelebot).values() if isinstance(kind, type) and issubclass(kind, skelebot.Text)
             and isinstance(kind.pattern, str)]
    for kind in kinds:
        for name, pattern in [("", kind.pattern), *vars(kind).get("forms", {}).items()]:
            yield f"{kind.__name__} {name}", pattern, "fullmatch"


def sample(tree):
    """A text that the parsed expression fits, as near as matters."""
    text = ""
    for name, value in tree:
        name = str(name)
        if name in ("LITERAL", "NOT_LITERAL"):
            text += chr(value if name == "LITERAL" else value + 1)
        elif name == "ANY":
            text += "a"
        elif name == "IN":
            text += member(value)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            text += sample(value[2]) * max(value[0], 1)
        elif name == "SUBPATTERN":
            text += sample(value[-1])
        elif name == "BRANCH":
            text += sample(value[1][0])
    return text


def member(choices):
    """A character that is in a set."""
    if str(choices[0][0]) == "NEGATE":
        return next(char for char in "a b/x1-\n" if not any(is_in(char, one) for one in choices[1:]))
    return next((char for char in "a 1A-/\n" if any(is_in(char, one) for one in choices)), None) or first(choices)


def is_in(char, choice):
    name, value = str(choice[0]), choice[1]
    if name == "LITERAL":
        return ord(char) == value
    if name == "RANGE":
        return value[0] <= ord(char) <= value[1]
    fits = {"SPACE": char.isspace(), "WORD": char.isalnum() or char == "_", "DIGIT": char.isdigit()}
    kind = str(value).replace("CATEGORY_", "")
    return not fits[kind[4:]] if kind.startswith("NOT_") else fits[kind]


def first(choices):
    name, value = next(one for one in choices if str(one[0]) in ("LITERAL", "RANGE"))
    return chr(value if str(name) == "LITERAL" else value[0])


def repeats(tree, before=""):
    """(text before it, text that is repeated) of every repetition in a parsed expression."""
    for name, value in tree:
        name = str(name)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield before, sample(value[2])
            for char in sorted(members(value[2]))[:4]:
                yield before, char
            yield from repeats(value[2], before)
        for inner in {"SUBPATTERN": [value[-1]], "BRANCH": value[1], "ASSERT": [value[1]], "ASSERT_NOT": [value[1]]}.get(
                name, []) if isinstance(value, tuple) else []:
            yield from repeats(inner, before)
        before += sample([(name, value)]) if name not in ("AT", "ASSERT", "ASSERT_NOT", "GROUPREF") else ""


def members(tree):
    """Characters of the kinds that a repeated piece is made of."""
    for name, value in tree:
        if str(name) == "LITERAL":
            yield chr(value)
        elif str(name) == "ANY":
            yield from "a /."
        elif str(name) in ("IN", "NOT_LITERAL"):
            yield from (char for char in " \t\na1-./:=,\"'[]{}<" if str(name) == "IN" and (
                any(is_in(char, one) for one in value if str(one[0]) != "NEGATE") != (str(value[0][0]) == "NEGATE")))
        elif str(name) == "SUBPATTERN":
            yield from members(value[-1])
        elif str(name) == "BRANCH":
            for branch in value[1]:
                yield from members(branch)


def attacks(pattern):
    """Functions of a size, each of which makes a text of about that size."""
    tree = list(parser.parse(pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern))
    whole = sample(tree)
    pieces = {(before, piece) for before, piece in repeats(tree) if piece}
    for before, piece in sorted(pieces):
        for end in ("\0", "\n\0", ":"):
            yield lambda size, b=before, p=piece, e=end: b + p * (size // len(p)) + e
        unit = before + piece
        yield lambda size, u=unit: u * (size // len(u)) + "\0"
        yield lambda size, u="\n" + unit: u * (size // len(u)) + "\0"
    for cut in {whole[:-1], whole[:len(whole) // 2]} - {""}:
        yield lambda size, u=cut: u * (size // len(u)) + "\0"


def seconds(pattern, use, text, tries=3):
    """The least time that a use of an expression takes on a text."""
    text = text.encode("latin-1", "replace") if isinstance(pattern, bytes) else text
    found, run = [], re.compile(pattern)
    for _ in range(tries):
        start = time.process_time()
        sum(1 for _ in run.finditer(text)) if use == "search" else getattr(run, use)(text)
        found.append(time.process_time() - start)
    return min(found)


def ratios(pattern, use):
    """(ratio, text) of each attack that takes time worth measuring."""
    for attack in attacks(pattern):
        size = next((size for size, quick in SIZES.items() if seconds(pattern, use, attack(size), 1) > quick), 0)
        if size:
            large, small = (seconds(pattern, use, attack(count)) for count in (size, size // 4))
            if large > SIZES[size]:
                yield large / small, attack(40)


def again(measure, fits):
    """What is measured; up to three times, since a busy machine may make any measurement wrong."""
    for _ in range(2):
        found = measure()
        if fits(found):
            return found
    return measure()


class Expressions(unittest.TestCase):
    def check(self, found):
        for place, pattern, use in found:
            with self.subTest(place, pattern=pattern):
                ratio, text = again(lambda: max(ratios(pattern, use), default=(1, "")), lambda found: found[0] < MOST)
                self.assertLess(ratio, MOST, f"times as long for four times {text!r}")

    def test_of_the_module_take_linear_time(self):
        found = list(expressions())
        self.assertGreater(len(found), 100)
        self.check((line, pattern, use) for line, pattern, use in found if isinstance(pattern, (str, bytes)))

    def test_of_the_records_do(self):
        self.check(record_expressions())

    def test_of_what_tells_secrets_do(self):
        own = skelebot.secret_patterns()
        self.check([("key", own.private_key, "search"), ("token", own.token, "search"),
                    *((kind, content, "search") for kind, _, content in own.kinds)])

    def test_a_quadratic_one_would_be_noticed(self):
        for pattern, use in ((r"<a\s[^>]*href", "search"), (r"\s*x?\s*y", "fullmatch"), (r"[^:]*[^/:][^:/]*", "fullmatch")):
            with self.subTest(pattern):
                self.assertTrue(again(lambda: any(ratio > MOST for ratio, _ in ratios(pattern, use)), bool))


class Functions(unittest.TestCase):
    """What takes texts apart otherwise, or with an expression that is made of one."""

    def ratio(self, function, make):
        times = [[], []]
        for size, found in zip((20000, 80000), times):
            text = make(size)
            for _ in range(3):
                start = time.process_time()
                function(text)
                found.append(time.process_time() - start)
        return min(times[1]) / max(min(times[0]), 0.01)

    def test_take_linear_time(self):
        rules = [skelebot.Ignores(line, cautious=False) for line in
                 ("*a*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/b", "*a*b/**/*a*a*c", "?*?*?*?*?*?b", "**/*a*a*a*a*c")]
        page = skelebot.Response(403, "", {}, b"")
        for function, unit in (
                (lambda text: skelebot.element("Code", text), "<Code>"), (lambda text: skelebot.element("Code", text), "<code "),
                (lambda text: skelebot.element("title", text), "</title "),
                (lambda text: page._replace(body=text.encode()).words, "<Code><title>"),
                (skelebot.links, "<a "), (skelebot.links, "<a href='"), (skelebot.links, "<a\thref= "),
                (skelebot.Instructions, "RUN <<a\n"), (skelebot.Instructions, "RUN <<"), (skelebot.Instructions, "\\\n \n"),
                (lambda text: skelebot.Instructions(text).bases, "FROM $a"), (lambda text: skelebot.Instructions(text).copied, "COPY --a "),
                (lambda text: skelebot.Recipe(files=text).facts, "a\n"), (lambda text: skelebot.Source(text).takes_words, "<<a "),
                (lambda text: skelebot.Source(text).places_words, "\"'"),
                (lambda text: skelebot.YamlText.of(text.encode(), "x.yaml"), "\u00a0\n"),
                (skelebot.shown_text, "&#99"), (skelebot.xml_text, "&#99"), (skelebot.without_block, "# ---- skelebot: from"),
                *((lambda text, one=one: one.ignores(text), unit) for one in rules for unit in ("a", "a/", "ab/"))):
            with self.subTest(unit, function=function):
                ratio = again(lambda: self.ratio(function, lambda size: unit * (size // len(unit))), lambda ratio: ratio < MOST)
                self.assertLess(ratio, MOST)


if __name__ == "__main__":
    unittest.main()
