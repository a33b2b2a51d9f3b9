"""Words of the command line -> arguments and parameters -> the job's command."""
import os
import subprocess
import unittest

import skelebot
import support
from skelebot import FromFile, SkelebotError
from support import job, project

EPOCHS = {"name": "epochs", "alt": "e"}
LOG = {"name": "log", "alt": "l", "accepts": "boolean"}
QUICK = {"name": "quick", "alt": "q", "accepts": "boolean"}
COLS = {"name": "cols", "alt": "c", "accepts": "list"}
EACH = [EPOCHS, LOG, QUICK, COLS, "x", {"name": "rate", "alt": "rt"}]
SPEED = {"name": "speed", "choices": ["slow and sure", "fast"], "help": "how fast"}

# Values that have come to harm on their way through a shell.
HOSTILE = ["two words", " ", "", "'", '"', "it's \"so\"", "$HOME", "${HOME}", "$(id)", "`id`", ";", "a;id", "&&", "|", "*",
           "?", "[a-z]*", "~", "!", "#", "\\", "\\n", "a\nb", "\t", "%s", "%(x)s", "{x}", "<x", "ä€", "--", "-", "-n", "--x",
           "1", "$1", '"${1}"', "a=b", "+"]


def passed(words, *params, args=(), **changes):
    """What follows the source of a job with these parameters when `words` are typed, or the fault's parts."""
    one = project(jobs=[{**support.TRAIN, "args": list(args), "params": list(params)}], **changes)
    parser = skelebot.job_parser(one, one.jobs[0])
    try:
        return list(parser.words(parser.parse(words)))
    except SkelebotError as error:
        return error.status, error.message, error.hint


def printed(argv, **environ):
    """The words that a command hands to a program, as that program sees them."""
    show = 'for word do printf "%s\\0" "$word"; done'
    argv = skelebot.expanding_argv(["sh", "-c", show, "show", *argv])
    return parted(argv, **environ)


def parted(argv, **environ):
    """The words that a command prints, each with a NUL after it."""
    argv = [word.encode("utf-8") for word in argv]      # in any locale
    return subprocess.check_output(argv, env={**os.environ, **environ}).decode("utf-8", "surrogateescape").split("\0")[:-1]


class Options(unittest.TestCase):

    def test_a_value_follows_its_name_in_every_usual_form(self):
        for words in (["--epochs", "5"], ["--epochs=5"], ["-e", "5"], ["-e5"], ["-e=5"]):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), ["--epochs", "5"])

    def test_a_parameter_is_passed_by_its_full_name(self):
        for words in (["-rt", "5"], ["-rt=5"], ["--rt", "5"], ["--rate", "5"]):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), ["--rate", "5"])

    def test_a_name_of_one_letter_has_one_dash(self):
        for words in (["-x", "1"], ["-x1"], ["-x=1"], ["--x", "1"], ["--x=1"]):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), ["-x", "1"])

    def test_short_booleans_may_be_clustered(self):
        for words, result in ((["-lq"], ["--log", "--quick"]), (["-ql"], ["--log", "--quick"]),
                              (["-lqe5"], ["--epochs", "5", "--log", "--quick"]),
                              (["-le", "5"], ["--epochs", "5", "--log"]), (["-lx", "1"], ["--log", "-x", "1"])):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), result)

    def test_parameters_are_passed_in_the_order_of_the_file(self):
        self.assertEqual(passed(["-x", "1", "-l", "--epochs", "5"], *EACH), ["--epochs", "5", "--log", "-x", "1"])

    def test_the_last_of_several_values_counts(self):
        self.assertEqual(passed(["-e", "5", "--epochs=6"], *EACH), ["--epochs", "6"])

    def test_a_boolean_is_set_by_its_name_or_given_a_word_for_it(self):
        for words, result in ((["--log"], ["--log"]), (["--log=true"], ["--log"]), (["--log=no"], []),
                              (["--log", "--log=off"], []), ([], [])):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), result)

    def test_a_list_takes_the_words_up_to_the_next_option(self):
        for words, result in ((["--cols", "a", "b"], ["a", "b"]), (["-c", "a", "b", "--", "c"], ["a", "b", "c"]),
                              (["--cols", "a", "--cols", "b"], ["a", "b"]), (["--cols=a b", "--cols=c"], ["a b", "c"]),
                              (["--cols", "-1", "-.5", "-"], ["-1", "-.5", "-"]), (["--cols", ""], [""])):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), ["--cols", *result])
        self.assertEqual(passed(["--cols", "a", "-l"], *EACH), ["--log", "--cols", "a"])

    def test_a_value_may_look_like_a_number_or_an_option(self):
        for words, value in ((["-e", "-5"], "-5"), (["-e", "-.5"], "-.5"), (["-e", "-1e3"], "-1e3"), (["-e", "-"], "-"),
                             (["--epochs=-x"], "-x"), (["--epochs=--log"], "--log"), (["-e=--"], "--"),
                             (["--epochs=a=b"], "a=b"), (["--epochs="], ""), (["--epochs", ""], ""),
                             (["--epochs=+"], "+")):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), ["--epochs", value])

    def test_any_value_arrives_byte_for_byte(self):
        for value in HOSTILE:
            for words in (["--epochs=" + value], ["-e=" + value]):
                with self.subTest(words):
                    self.assertEqual(passed(words, *EACH), ["--epochs", value])

    def test_words_after_two_dashes_are_passed_on_as_they_are(self):
        self.assertEqual(passed(["-l", "--", "--log", "--", "-z", "$HOME"], *EACH),
                         ["--log", "--log", "--", "-z", "$HOME"])

    def test_no_name_is_reserved(self):
        for name in ("job", "env", "name", "source", "values", "extra", "version", "self", "help", "a.b", "a-b", "a_b"):
            with self.subTest(name):
                self.assertEqual(passed(["--" + name, "1"], name), ["--" + name, "1"])
                self.assertEqual(passed(["1"], args=[name]), ["1"])

    def test_a_job_may_have_its_own_h_and_help(self):
        self.assertEqual(passed(["-h", "1"], "h"), ["-h", "1"])
        self.assertEqual(passed(["-h", "1"], {"name": "host", "alt": "h"}), ["--host", "1"])
        self.assertEqual(passed(["--help"], {"name": "help", "accepts": "boolean"}), ["--help"])


class Arguments(unittest.TestCase):
    ARGS = ["date", SPEED]

    def test_they_come_first_in_their_order(self):
        for words in (["--epochs", "1", "may", "fast"], ["may", "-e1", "fast"], ["may", "fast", "--epochs=1"]):
            with self.subTest(words):
                self.assertEqual(passed(words, EPOCHS, args=self.ARGS), ["may", "fast", "--epochs", "1"])

    def test_they_may_be_numbers_below_nought_or_empty(self):
        self.assertEqual(passed(["-5", ""], args=["low", "high"]), ["-5", ""])

    def test_after_two_dashes_they_may_look_like_an_option(self):
        for words, result in ((["--", "-a", "-e"], ["-a", "-e"]), (["a", "--", "--low"], ["a", "--low"]),
                              (["-e1", "--", "a", "b", "c"], ["a", "b", "--epochs", "1", "c"])):
            with self.subTest(words):
                self.assertEqual(passed(words, EPOCHS, args=["low", "high"]), result)

    def test_a_choice_may_hold_blanks(self):
        self.assertEqual(passed(["may", "slow and sure"], args=self.ARGS), ["may", "slow and sure"])

    def test_a_choice_is_the_text_in_the_file(self):
        one = support.read("name: a\njobs:\n  - {name: b, source: b.py, args: [{name: c, choices: [yes, 3.10, 0x10]}]}\n")
        parser = skelebot.job_parser(one, one.jobs[0])
        for word in ("yes", "3.10", "0x10"):
            self.assertEqual(parser.words(parser.parse([word])), (word,))


class Numbers(unittest.TestCase):

    def accepted(self, kind, text):
        return passed(["--n1=" + text], {"name": "n1", "accepts": kind}) == ["--n1", text]

    def test_int_is_a_whole_number(self):
        for text in ("5", "-5", "+5", "007"):
            self.assertTrue(self.accepted("int", text), text)
        for text in ("", " ", "5.0", "1e3", " 5", "5\n", "1_000", "0x10", "five", "٣"):
            self.assertFalse(self.accepted("int", text), text)

    def test_float_is_a_number(self):
        for text in ("5", "-5", "5.", ".5", "+0.5", "1e-3", "-1E3", "nan", "inf", "-inf"):
            self.assertTrue(self.accepted("float", text), text)
        for text in ("", "0,5", "1e", "e3", ".", "1_0.0", "five", "٣.٥"):
            self.assertFalse(self.accepted("float", text), text)


class Defaults(unittest.TestCase):

    def test_a_default_is_passed_as_if_it_had_been_typed(self):
        for param, result in (({"name": "rate", "default": "0.1"}, ["--rate", "0.1"]),
                              ({"name": "r", "default": "0.1"}, ["-r", "0.1"]),
                              ({"name": "rate", "default": ""}, ["--rate", ""]),
                              ({"name": "log", "accepts": "boolean", "default": True}, ["--log"]),
                              ({"name": "log", "accepts": "boolean", "default": False}, []),
                              ({"name": "cols", "accepts": "list", "default": "a 'b c'"}, ["--cols", "a", "b c"]),
                              ({"name": "rate"}, [])):
            with self.subTest(param):
                self.assertEqual(passed([], param), result)

    def test_a_typed_value_takes_its_place(self):
        self.assertEqual(passed(["--cols", "c"], {**COLS, "default": "a b"}), ["--cols", "c"])
        self.assertEqual(passed(["--log=false"], {**LOG, "default": True}), [])

    def test_a_typed_value_is_no_word_of_the_file(self):
        words = passed(["--epochs", "$A"], EPOCHS, {"name": "rate", "default": "$A"})
        self.assertEqual([type(word) for word in words], [str, str, str, FromFile])

    def test_every_job_takes_the_parameters_of_the_project(self):
        level = {"params": [{"name": "level", "alt": "l", "default": "info"}]}
        self.assertEqual(passed(["-e", "5"], EPOCHS, **level), ["--epochs", "5", "--level", "info"])
        self.assertEqual(passed(["-l", "debug"], EPOCHS, **level), ["--level", "debug"])

    def test_a_jobs_own_names_win_over_the_projects(self):
        level = {"params": [{"name": "level", "alt": "l", "default": "info"}]}
        self.assertEqual(passed([], {"name": "level", "default": "3"}, **level), ["--level", "3"])
        self.assertEqual(passed(["-l", "5"], {"name": "lines", "alt": "l"}, **level), ["--lines", "5", "--level", "info"])
        self.assertEqual(passed(["high"], args=["level"], **level), ["high"])


class Variables(unittest.TestCase):
    """Only what the file says may name variables; what is typed never meets a shell's parser."""

    def test_a_word_of_the_file_is_expanded_where_it_runs(self):
        self.assertEqual(printed([FromFile("$A"), FromFile("a-${B}-c"), FromFile("$NONE")], A="1 2", B="*"),
                         ["1 2", "a-*-c", ""])

    def test_nothing_else_in_it_is(self):
        for text in HOSTILE:
            if "$HOME" not in text and "${HOME}" not in text:
                with self.subTest(text):
                    self.assertEqual(printed([FromFile(text + "$A"), FromFile(text)], A="1"), [text + "1", text])

    def test_a_typed_word_is_not(self):
        typed = [*HOSTILE, "$A", "${A}"]
        self.assertEqual(printed([*typed, FromFile("$A"), *typed], A="1"), [*typed, "1", *typed])

    def test_a_value_may_hold_what_a_shell_would_run(self):
        self.assertEqual(printed([FromFile("$A"), "x"], A="$(id) `id` ; \"' $B"), ["$(id) `id` ; \"' $B", "x"])

    def test_a_command_without_variables_needs_no_shell(self):
        self.assertEqual(skelebot.expanding_argv(["python", FromFile("a b"), "$A"]), ("python", "a b", "$A"))

    def test_the_shell_gets_typed_words_beside_its_program(self):
        self.assertEqual(skelebot.expanding_argv(["python", "$(id)", FromFile("--in=$A b")]), (
            "sh", "-c", "exec \"${1}\" \"${2}\" --in=\"${A}\"' b'", "sh", "python", "$(id)"))

    def test_bytes_that_are_not_utf_8_come_out_of_words_that_are(self):
        words = ["\udce9t\udc80\n\n", "".join(map(chr, range(0xdc80, 0xdd00))) + "\\0101%b ", "it's ü\udcff", "\udcff", "\n"]
        self.assertEqual(printed([*words, FromFile("$A"), "$A"], A="1"), [*words, "1", "$A"])

    def test_natively_they_come_from_the_callers_environment(self):
        for word, result in ((FromFile("a-$A-${B}"), "a-1-"), ("a-$A", "a-$A"), (FromFile("$(id)"), "$(id)")):
            with self.subTest(word):
                self.assertEqual(skelebot.expanded(word, {"A": "1"}), result)

    def test_braces_and_other_letters_beside_it_stay_and_are_the_same_everywhere(self):
        for text, result in (("{$X}", "{1}"), ("$A ${B", " ${B"), ("${B $X", "${B 1"), ("a$Xé", "a1é"), ("${X}$X", "11"),
                             ("${é}$X", "${é}1"), ("{${X}}}", "{1}}"), ("$X{y}", "1{y}"), ("$$X", "$1"), ("$1$X", "$11")):
            with self.subTest(text):
                self.assertEqual(printed([FromFile(text)], X="1", A=""), [result])
                self.assertEqual(skelebot.expanded(FromFile(text), {"X": "1"}), result)


class Commands(unittest.TestCase):
    """A job's source and the words that follow it -> argv."""

    def test_the_first_word_of_source_decides(self):
        for source, argv in (
                ("src/train.py", ("python", "-u", "src/train.py")), ("fit.R", ("Rscript", "fit.R")),
                ("fit.r", ("Rscript", "fit.r")), ("run.sh", ("bash", "run.sh")),
                ("train.py --fast 'a b'", ("python", "-u", "train.py", "--fast", "a b")),
                ("'my scripts/train.py'", ("python", "-u", "my scripts/train.py"))):
            with self.subTest(source):
                self.assertEqual(job(source=source).argv(("x",)), argv + ("x",))

    def test_anything_else_is_a_shell_command_that_gets_the_words(self):
        for source, program in (("make", 'make "$@"'), ("make data && echo done", 'make data && echo done "$@"'),
                                ("echo $1", "echo $1"), ('for x in "$@"; do echo $x; done', 'for x in "$@"; do echo $x; done'),
                                ("python -m app", 'python -m app "$@"'), ("train.txt", 'train.txt "$@"')):
            with self.subTest(source):
                self.assertEqual(job(source=source).argv(("x y",)), ("bash", "-c", program, "bash", "x y"))

    def test_a_shell_command_without_words_is_as_it_was_written(self):
        self.assertEqual(job(source="make data # all").argv(()), ("bash", "-c", "make data # all", "bash"))

    def test_typed_words_reach_a_shell_command_byte_for_byte(self):
        argv = job(source="printf '%s\\0'").argv(HOSTILE)
        self.assertEqual(parted(argv), HOSTILE)

    def test_a_words_of_the_source_may_name_a_variable(self):
        argv = job(source="train.py --in $DATA").argv(())
        self.assertEqual(list(map(skelebot.names_variables, argv)), [False, False, False, False, True])

    def test_words_have_no_place_after_an_operator_or_comment(self):
        fault = 'skelebot.yaml:1: jobs[0].source: does not say where its words go\n  hint: put "$@" where they belong'
        for source in ("make;", "make |", "make & ", "make &&", "make # all", "make # it's all", "make # see $1"):
            with self.subTest(source):
                self.assertEqual(job(source=source).argv(())[2], source.rstrip())
                with self.assertRaises(SkelebotError) as caught:
                    job(source=source).argv(("x",))
                self.assertEqual(str(caught.exception), "skelebot: " + fault)

    def test_words_go_where_the_source_places_them(self):
        for source in ('printf "<%s>" "$@" ; # all', 'printf "<%s>" "$@" | cat', 'for x; do printf "<%s>" "$1"; shift; done #',
                       'printf "<%s>" "${1}" "$2";', 'printf "<%s>" "${@}" &', """printf "<%s>" "$1" "$2"'' # it's"""):
            with self.subTest(source):
                ended = subprocess.check_output(job(source=source).argv(("a b", "c")))
                self.assertEqual(ended, b"<a b><c>")

    def test_signs_in_quotes_are_no_place_and_no_operator(self):
        for source in ("awk '{print $1}' f", "echo '$@'", "echo 'a;'", 'echo "a |"', "echo ' # '", 'echo " # "', "echo a#b",
                       "find . -exec ls {} \\;", "echo \\#", "echo \\$1"):
            with self.subTest(source):
                self.assertEqual(job(source=source).argv(("x",))[2], source + ' "$@"')

    def test_a_place_between_apostrophes_in_double_quotes_counts(self):
        source = """echo "it's $1, isn't it" """.strip()
        self.assertEqual(job(source=source).argv(("x",))[2], source)

    def test_an_apostrophe_in_a_comment_is_no_quote(self):
        source = "# it's a list\nprintf '<%s>' \"$@\"\n# isn't it"
        self.assertEqual(subprocess.check_output(job(source=source).argv(("a b",))), b"<a b>")
        source = "# it's a list\nprintf '<%s>' # isn't it\necho"
        self.assertEqual(job(source=source).argv(("a",))[2], source + ' "$@"')


class ShellSigns(unittest.TestCase):
    """What a shell would do something about, behind a script that no shell runs."""

    def test_are_a_fault_of_the_job_that_says_how_a_shell_has_them(self):
        for source, meant in (
                ("run.py | head", 'python -u run.py "$@" | head'), ("run.py|head", 'python -u run.py "$@" |head'),
                ("run.R --fast > out.txt", 'Rscript run.R --fast "$@" > out.txt'), ("run.sh; date", 'bash run.sh "$@" ; date'),
                ("run.py 2>&1 | tee log", 'python -u run.py "$@" 2>&1 | tee log'), ("run.py && run.R", 'python -u run.py "$@" && run.R'),
                ("run.py --day $(date +%F)", 'python -u run.py --day $(date +%F) "$@"'), ("run.sh < in", 'bash run.sh "$@" < in'),
                ("run.py a; echo b", 'python -u run.py a "$@" ; echo b'), ("run.py &", 'python -u run.py "$@" &')):
            with self.subTest(source), self.assertRaises(SkelebotError) as caught:
                job(source=source).argv()
            self.assertEqual((caught.exception.message, caught.exception.hint), (
                "skelebot.yaml:1: jobs[0].source: what follows a script is passed to it, and to no shell",
                "for a shell, write " + meant))

    def test_in_quotes_or_within_words_are_passed_on(self):
        for source in ("run.py '|' \">\" ';'", "run.py a|b x>y a;b", "run.py a&b", r"run.py \| x", "run.py $HOME ${X}", "run.py -> f(x)"):
            with self.subTest(source):
                self.assertEqual(job(source=source).argv()[:3], ("python", "-u", "run.py"))

    def test_of_a_shell_command_are_the_shells(self):
        self.assertEqual(job(source="cat run.py | head").argv()[:3], ("bash", "-c", "cat run.py | head"))


class Chains(unittest.TestCase):

    def test_a_plus_parts_the_jobs(self):
        self.assertEqual(skelebot.CommandLine.chain(["a", "-x", "1", "+", "b", "+", "c"]), [["a", "-x", "1"], ["b"], ["c"]])

    def test_a_plus_within_a_word_is_part_of_it(self):
        self.assertEqual(skelebot.CommandLine.chain(["a", "--op=+", "c+d", "++"]), [["a", "--op=+", "c+d", "++"]])

    def test_a_plus_needs_a_job_on_both_sides(self):
        for words in (["+"], ["a", "+"], ["+", "a"], ["a", "+", "+", "b"]):
            with self.subTest(words), self.assertRaisesRegex(SkelebotError, "a \\+ needs a job before and after it"):
                skelebot.CommandLine.chain(words)


class Faults(unittest.TestCase):
    """What cannot be understood is explained in two lines, with exit status 2."""
    VALUE = "--epochs=VALUE takes any text, also one that starts with -"
    KNOWN = "known are: --cols, --epochs, --help, --log, --quick, --rate, -x"
    SHOWN = "skelebot train --help shows what it takes"

    def test_faults_in_options(self):
        for words, message, hint in (
                (["--epcohs", "5"], "train: unknown option '--epcohs'", "did you mean --epochs?"),
                (["--epcohs=5"], "train: unknown option '--epcohs'", "did you mean --epochs?"),
                (["--Epochs", "5"], "train: unknown option '--Epochs'", "did you mean --epochs?"),
                (["-epochs", "5"], "train: unknown option '-epochs'", "did you mean --epochs?"),
                (["-cols=a"], "train: unknown option '-cols'", "did you mean --cols?"),
                (["--e", "5"], "train: unknown option '--e'", "did you mean -e?"),
                (["-z"], "train: unknown option '-z'", self.KNOWN),
                (["--zzz=1"], "train: unknown option '--zzz'", self.KNOWN),
                (["-lz"], "train: unknown option '-z'", self.KNOWN),
                (["--epochs"], "train: --epochs: needs a value", self.VALUE),
                (["-e"], "train: --epochs: needs a value", self.VALUE),
                (["-le"], "train: --epochs: needs a value", self.VALUE),
                (["--epochs", "--log"], "train: --epochs: needs a value", self.VALUE),
                (["--epochs", "--", "5"], "train: --epochs: needs a value", self.VALUE),
                (["--cols", "-l"], "train: --cols: needs a value", self.VALUE.replace("epochs", "cols")),
                (["--log=5"], "train: --log: expected no value, found '5'", "write --log alone"),
                (["word"], "train: cannot place 'word'", self.SHOWN + "; words after -- are passed on"),
                (["--log", "true"], "train: --log: takes no value, found 'true'", "write --log=true"),
                (["-l", "No", "--epochs", "5"], "train: -l: takes no value, found 'No'", "write -l=No"),
                (["--no-log"], "train: unknown option '--no-log'", "write --log=false"),
                (["--no-epochs"], "train: unknown option '--no-epochs'", "did you mean --epochs?")):
            with self.subTest(words):
                self.assertEqual(passed(words, *EACH), (2, message, hint))

    def test_a_name_of_one_letter_may_have_two_dashes_whatever_it_accepts(self):
        for words, accepts, after in ((["--k", "1"], "int", ["-k", "1"]), (["--k"], "boolean", ["-k"]),
                                      (["--k=false"], "boolean", []), (["--k", "a", "b"], "list", ["-k", "a", "b"])):
            with self.subTest(words):
                self.assertEqual(passed(words, {"name": "k", "accepts": accepts}), after)

    def test_an_option_that_the_script_takes_is_to_be_declared_or_passed_on(self):
        for text, option, taken in (
                ('parser.add_argument("--lr")', "--lr", True), ("parser.add_argument('-b')", "-b", True),
                ('@click.option("--batch-size", default=1)', "--batch-size", True), ("import fire\ndef main(lr): 0", "--lr", True),
                ("import typer\ndef main(batch_size: int): 0", "--batch-size", True), ("Usage: x [--seed=<n>]", "--seed", True),
                ('add_argument("--lr-decay")', "--lr", False), ("def main(lr): 0", "--lr", False), ("x--lr", "--lr", False)):
            with self.subTest(text), support.folder({"src/train.py": text}) as path:
                message = f"train: unknown option '{option}'"
                self.assertEqual(passed([option], folder=path), (2, message, (
                    f"the script takes it: declare it under params, or pass it after --, as in: skelebot train -- {option}"
                    if taken else passed([option])[2])))

    def test_faults_in_options_that_stand_on_the_wrong_side_of_the_job(self):
        for words, typed in ((["-n"], "-n"), (["--dry-run"], "--dry-run"), (["--env", "dev"], "--env ENV"),
                             (["-d", "box"], "-d HOST"), (["--env=dev"], "--env ENV")):
            with self.subTest(words):
                self.assertEqual(passed(words), (
                    2, "train: unknown option '" + typed.split()[0] + "'",
                    "skelebot's own options go before the job: skelebot " + typed + " train"))

    def test_faults_in_arguments(self):
        for words, message, hint in (
                ([], "train: needs DATE", self.SHOWN + "; words after -- may start with -"),
                (["may"], "train: needs SPEED (how fast)", self.SHOWN + "; words after -- may start with -"),
                (["may", "slow and sur"], "train: speed: expected slow and sure or fast, found 'slow and sur'",
                 "did you mean slow and sure?"),
                (["may", ""], "train: speed: expected slow and sure or fast, found ''",
                 "choose one of: fast, slow and sure"),
                (["may", "fast", "june"], "train: cannot place 'june'", "skelebot train --help shows what it takes; words after -- are passed on")):
            with self.subTest(words):
                self.assertEqual(passed(words, args=["date", SPEED]), (2, message, hint))

    def test_faults_in_values(self):
        for words, param, message, hint in (
                (["--n1=many"], {"name": "n1", "accepts": "int"}, "expected a whole number, found 'many'", "for example 20"),
                (["--n1=0,5"], {"name": "n1", "accepts": "float"}, "expected a number, found '0,5'",
                 "for example 0.5 or 1e-3"),
                (["--n1=3"], {"name": "n1", "choices": ["1", "2"]}, "expected 1 or 2, found '3'", "choose one of: 1, 2"),
                (["--n1", "1", "3"], {"name": "n1", "choices": ["1", "2"], "accepts": "list"},
                 "expected 1 or 2, found '3'", "choose one of: 1, 2")):
            with self.subTest(words):
                self.assertEqual(passed(words, param), (2, "train: --n1: " + message, hint))

    def test_faults_of_a_call(self):
        """The whole chain is understood before anything runs, and stdout stays empty."""
        with support.folder({"skelebot.yaml": "name: churn\njobs:\n  - {name: train, source: train.py}\n"}) as path:
            for words, message, hint in (
                    (["trian"], "unknown job or command 'trian'", "did you mean train?"),
                    (["zzz"], "unknown job or command 'zzz'", "known are: " + ", ".join(sorted([*skelebot.COMMANDS, "train"]))),
                    (["train", "+"], "a + needs a job before and after it", "for example: skelebot prepare + train"),
                    (["train", "+", "trian"], "unknown job or command 'trian'", "did you mean train?"),
                    (["train", "+", "-n", "train"], "'-n': options go before the first job", "skelebot OPTIONS JOB + JOB"),
                    (["--verbos", "train"], "unknown option '--verbos'", "did you mean --verbose?"),
                    (["-version"], "unknown option '-version'", "did you mean --version?"),
                    (["-env", "dev", "train"], "unknown option '-env'", "did you mean --env?"),
                    (["--env"], "--env: needs a value", "--env=VALUE takes any text, also one that starts with -"),
                    (["-e", "dve", "train"], "unknown environment 'dve'",
                     "an environment is a file skelebot-dve.yaml here"),
                    (["scaffold", "-y", "--", "a", "b"], "scaffold: cannot place 'b'",
                     "skelebot scaffold --help shows what it takes"),
                    (["envs", "x"], "envs: cannot place 'x'",
                     "skelebot envs --help shows what it takes"),
                    (["prime", "--out"], "prime: unknown option '--out'", "did you mean --output?")):
                with self.subTest(words):
                    self.assertEqual(support.call(*words, folder=path), (
                        2, "", support.two_lines(message, hint)))


if __name__ == "__main__":
    unittest.main()
