"""What jobs may take, how long, and the variables of their files, seen from inside."""
import json
import os
import unittest

from engine import Tests, deadline, on

VALUES = ["", "a b", "it's", '"', "$HOME `id` $(id)", "a=b", "ü\nz\n", "*", " x ", "#x", "\\n \\", "\t", "'x'", "x\r"]
ENV = ("# of this test\nexport PLAIN=a#b $HOME # a comment\nHTTP_PROXY='http://ada:hidden@proxy'\nCALLERS\n" + "".join(
    'V{}="{}"\n'.format(number, "".join({"\r": "\\r"}.get(char, "\\" + char if char in '"\\' else char) for char in value))
    for number, value in enumerate(VALUES)))
SHOW = "env -0 | grep -z -E '^(V[0-9]+|PLAIN|HTTP_PROXY|CALLERS)='"
SLOW = "trap 'echo term > out/said; exit 3' TERM; echo begun; sleep 60 & wait"


class Taking(Tests):
    files = {".env": ENV}
    config = {
        "resources": {"memory": "64m", "shm": "96m"}, "docker": ["--hostname", "box"],
        "envFiles": [".env", {"path": "none.env", "required": "false"}],
        "jobs": [
            {"name": "look", "resources": {"cpus": 0.5}, "source": "df /dev/shm | tail -n 1; hostname; ls -A | tr '\\n' ' '; cat "
             "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null; cat "
             "/sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2> /dev/null; :"},
            {"name": "show", "source": SHOW},
            {"name": "greedy", "source": "python3 -c 'print(len(bytearray(200 * 2 ** 20)))'"},
            {"name": "slow", "source": SLOW, "resources": {"time": "6s"}, "mappings": ["out/"]},
            {"name": "paints", "source": "true", "resources": {"gpus": "a100:1", "memory": "1g"}}]}

    def test_limits_are_those_of_the_container_and_docker_has_its_words(self):
        shown = self.skelebot("-s", "look").stdout.decode()
        self.assertRegex(shown, r"(?s)^shm +98304 .*\nbox\n.*\b67108864\n50000\b")
        self.assertNotIn(".env ", shown)

    def test_variables_of_files_arrive_byte_for_byte_wherever_it_runs_and_are_not_shown(self):
        for where in ((), ("-n",)):
            done = self.skelebot("-s", "-V", *where, "show", CALLERS="caller's")
            found = dict(item.split("=", 1) for item in done.stdout.decode().split("\0")[:-1])
            self.assertEqual(found, {**{f"V{number}": value for number, value in enumerate(VALUES)}, "CALLERS": "caller's",
                                     "PLAIN": "a#b $HOME", "HTTP_PROXY": "http://ada:hidden@proxy"})
            self.assertNotIn("hidden", done.stderr)
            self.assertNotIn("a#b", done.stderr)

    def test_says_that_memory_ran_out_and_what_says_how_much_there_is(self):
        self.assertIn("skelebot: greedy ended with 137: its memory ran out: give it more, or let it take less at once; "
                      "resources.memory says 64m\n", self.skelebot("-s", "greedy", status=137).stderr)

    def test_ends_at_the_end_of_its_time_by_a_term_and_what_it_wrote_is_here(self):
        for where in ((), ("-n",)):
            done = self.skelebot("-s", *where, "slow", status=124)
            self.assertEqual(done.stdout, b"begun\n")
            self.assertIn("skelebot: slow ended after 6s, as resources.time says\n", done.stderr)
            os.remove(os.path.join(self.folder, "out", "said"))

    def test_explains_a_gpu_that_it_cannot_be_given(self):
        done = self.call("-s", "paints")
        self.assertIn(done.status, (125, 126))
        self.assertRegex(done.stderr, f"skelebot: paints ended with {done.status}: (?:that engine has no GPUs to give: install "
                                      "|podman knows no nvidia.com/gpu=0 there: )")
        self.assertIn("skelebot: an engine cannot choose GPUs by kind: paints gets 1 of any kind\n", done.stderr)


on("BuildKit", "podman", "remote")(Taking)


class Alone(Tests):
    """A detached job, which ends in its container without us, with timeout(1) and without."""
    files = {"bin/timeout": "#!/bin/sh\nexit 1\n"}
    config = {"jobs": [
        {"name": name, "source": SLOW, "mode": "d", "resources": {"time": "2s"}, "mappings": [f"{name}:out"], "environment": environment}
        for name, environment in (("alone", {}), ("bare", {"PATH": "/app/bin:/usr/local/bin:/usr/bin:/bin"}))]}

    @classmethod
    def setUpClass(cls):
        cls.build = False
        super().setUpClass()
        os.chmod(os.path.join(cls.folder, "bin", "timeout"), 0o755)

    def test_ends_by_itself_at_the_end_of_its_time(self):
        for name in ("alone", "bare"):
            self.skelebot(name)
        for name in ("alone", "bare"):
            for _ in deadline(30):
                if os.path.exists(os.path.join(self.folder, name, "said")):
                    break
        self.assertEqual(self.call("wait", "alone").status, 124)
        self.assertEqual(json.loads(self.call("runs", "alone", "--json").stdout)[0]["state"], "timeout")
        self.assertEqual(self.call("wait", "bare").status, 3)
        self.assertEqual(self.containers_left(), [])


on("BuildKit", "podman")(Alone)


if __name__ == "__main__":
    unittest.main()
