"""Servers and programs that send without end, or hardly anything: each is given up, and why is said."""
import contextlib
import io
import os
import socket
import tempfile
import threading
import unittest
import unittest.mock

import support
import skelebot
from skelebot import Download, Request, Response, SkelebotError, Stored

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MEGA = b"x" * 2 ** 20


class Server:
    """It sends what an iterable has, whoever asks, in the time between two that it is given."""

    def __init__(self, begin, more=b"", pause=0, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.begin, self.more, self.pause, self.ended = begin, more, pause, threading.Event()
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind(address)
        self.socket.listen(5)
        threading.Thread(target=self.work, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:{}/x".format(self.socket.getsockname()[1])

    def work(self):
        while not self.ended.is_set():
            try:
                asked, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(asked,), daemon=True).start()

    def answer(self, asked):
        with asked:
            try:
                head = asked.recv(65536)
                asked.sendall(self.begin)
                while self.more and not self.ended.wait(self.pause) and not head.startswith(b"HEAD"):
                    asked.sendall(self.more)
            except OSError:
                pass                    # it was given up

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.socket.close()


def said(step, server):
    """The message about what a server sends."""
    with server:
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                return "nothing is wrong: {}".format(skelebot.DOING[type(step(server.url))](step(server.url)))
        except SkelebotError as error:
            return error.message


def get(url):
    return Request("GET", url)


class Answers(unittest.TestCase):
    def test_that_never_end_are_given_up(self):
        endless = r"^127\.0\.0\.1: sends more than the \d+\.\d MB that are expected$"
        for name, server, message in (
                ("100 Continue", Server(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), endless),
                ("body", Server(OK + b"\r\n", MEGA), "^an answer is larger than 64.0 MB$"),
                ("trailers", Server(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000), endless),
                ("chunk extensions", Server(CHUNKED, b"1;" + b"x" * 60000 + b"\r\nx\r\n"), endless),
                ("announced", Server(OK + b"Content-Length: 999999999999\r\n\r\n", MEGA), "^an answer is larger than 64.0 MB$")):
            with self.subTest(name):
                self.assertRegex(said(get, server), message)

    def test_that_hardly_come_are_given_up(self):
        with unittest.mock.patch.object(skelebot, "TIMEOUT", 1):
            for name, server in (("head", Server(b"H", b"T", 0.1)), ("header", Server(OK, b"a", 0.1)),
                                 ("body", Server(OK + b"\r\n", b"x", 0.1)), ("chunk", Server(CHUNKED, b"1\r\nx\r\n", 0.1))):
                with self.subTest(name):
                    self.assertRegex(said(get, server), r"^127\.0\.0\.1: sends less than 1000 bytes a second$")

    def test_that_are_perhaps_not_there_count_as_none(self):
        with unittest.mock.patch.object(skelebot, "GLANCE", 0.5):
            self.assertEqual(said(lambda url: Request("GET", url, patient=False), Server(OK, b"a", 0.05)),
                             "nothing is wrong: {}".format(Response()))

    def test_that_come_slowly_are_taken(self):
        body = b"x" * 4000
        with unittest.mock.patch.object(skelebot, "TIMEOUT", 1), \
                Server(OK + b"Content-Length: 16000\r\n\r\n", body[:400], 0.1) as server:
            self.assertEqual(len(skelebot.send_request(get(server.url)).body), 16000)


class Downloads(unittest.TestCase):
    def fetched(self, server, stored):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            message = said(lambda url: Download(get(url), path, stored, "model", condition="If-Match"), server)
            self.assertEqual(os.listdir(folder), [])
            return message

    def test_take_no_more_than_was_announced(self):
        damaged = "model: is damaged: its length or SHA-256 is not that of what is stored"
        for name, begin in (("close", OK + b"\r\n"), ("length", OK + b"Content-Length: 999999999999\r\n\r\n")):
            with self.subTest(name):
                self.assertEqual(self.fetched(Server(begin, MEGA), Stored(5, "", "")), damaged)

    def test_take_no_more_than_half_of_the_room_when_nothing_was(self):
        with unittest.mock.patch.multiple(skelebot, HONEST=0, free_beside=lambda path: 18 * 10 ** 6):
            self.assertEqual(self.fetched(Server(OK + b"\r\n", MEGA), Stored(-1, "", "")), (
                "model: is larger than 9.0 MB, half of the free disk space, and the server did not say its size"))


@unittest.skipUnless(hasattr(socket, "AF_UNIX"), "it needs a Unix socket")
class Engines(unittest.TestCase):
    def ids(self, begin, more, pause=0):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with Server(begin, more, pause, socket.AF_UNIX, path):
                try:
                    return skelebot.image_ids(skelebot.ImageIds("unix://" + path, ("churn",)))
                except SkelebotError as error:
                    return error.message

    def test_that_answer_without_end_are_given_up(self):
        self.assertEqual(self.ids(b"HTTP/1.0 200 OK\r\n\r\n", MEGA), "the engine: sends more than the 1.0 MB that are expected")

    def test_that_hardly_answer_are_given_up(self):
        with unittest.mock.patch.object(skelebot, "ASKING", 1):
            self.assertEqual(self.ids(b"HTTP/1.0 200 OK\r\n\r\n", b"x", 0.1), "the engine: sends less than 1000 bytes a second")


class Programs(unittest.TestCase):
    def test_that_print_without_end_are_ended(self):
        for words in (("cat", "/dev/zero"), ("sh", "-c", "cat /dev/zero >&2")):
            with self.subTest(words), self.assertRaisesRegex(SkelebotError, f"{words[0]}: prints more than 16.0 MB"):
                skelebot.run_program(skelebot.Command(words, kept=True))

    def test_that_print_are_heard(self):
        done = skelebot.run_program(skelebot.Command(("sh", "-c", "printf a; printf b >&2; exit 3"), kept=True))
        self.assertEqual((done.status, done.output, done.errors), (3, "a", "b"))


if __name__ == "__main__":
    unittest.main()
