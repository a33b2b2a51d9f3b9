"""Docker and podman: their argv lists, what they refuse, and what mappings lead to."""
import os
import unittest

from support import drive, folder, job, project, skelebot, two_lines
from skelebot import Call, Copy, Launch, Mapping, OnEngine, mount_words

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", terminal=True)
PODMAN = ADA._replace(engine="podman")
NAME = "churn-train-0a1b2c3d"
ARGV = ("python", "-u", "src/train.py")


def engine(call, host=""):
    return skelebot.engine_kind(call.engine)(call, host)


def container(verb, it, its_job, argv=ARGV, call=ADA, rootless=False, copies=()):
    """The words of the engine's command line for a container of a job."""
    own, told = engine(call, it.host), {"info": skelebot.Outcome(0, "[name=rootless]" * rootless)}
    user = drive(own.plan_user(it, its_job), told).status
    run = skelebot.Run(its_job, Launch(argv), it.image_tag(its_job), NAME, copies, None, user)
    return OnEngine(call, it, own).container_argv(verb, run)


def run(call=ADA, rootless=False, keys=None, **changes):
    """`docker run` of the plainest job but for `changes`, in the plainest project but for `keys`."""
    verb = ("run", "--rm", *(["--detach"] if changes.get("mode") == "d" else []))
    return list(container(verb, project(**(keys or {})), job(**changes), call=call, rootless=rootless))


def copies(*targets):
    """The Copy of a folder to each target."""
    return tuple(Copy("", target, True, True) for target in targets)


def between(argv, first="skelebot.job=train", last="churn"):
    """The words of an argv that its point is about: those after the labels and before the image."""
    return argv[argv.index(first) + 1:argv.index(last)]


VALUES = ["", "a b", "it's", '"', "$HOME", "a=b", "-x", "ü\nz", "*", " x ", "#x", "\\", "\t", "'x'", '"x"', "x\r", "\u3000"]
CLIENTS_OWN = (
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "PATH",
    "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "HTTP_PROXY", "https_proxy", "NO_PROXY", "ALL_PROXY",
    "SSH_AUTH_SOCK", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "TMPDIR", "TEMP", "CONTAINER_HOST", "CONTAINERS_CONF", "STORAGE_DRIVER",
    "GODEBUG", "GOMAXPROCS", "BASH_ENV", "_CONTAINERS_ROOTLESS_UID", "KRB5CCNAME", "SHELL", "A-b", "a.b", "ü", "*", "HOM*")


class Run(unittest.TestCase):
    maxDiff = None

    def test_of_the_plainest_job(self):
        self.assertEqual(run(), [
            "docker", "run", "--rm",
            "--pull", "never", "--init", "--name", "churn-train-0a1b2c3d",
            "--label", "skelebot.project=churn", "--label", "skelebot.job=train",
            "--interactive",
            "churn", "python", "-u", "src/train.py"])

    def test_of_a_job_with_everything(self):
        keys = {"name": "Big Churn", "env": "dev", "gpu": True, "user": "host", "host": "ssh://ada@box",
                "ports": ["8080:80"], "environment": {"LEVEL": "1", "TOKEN": None}, "primaryJob": "train",
                "primaryExe": "ENTRYPOINT"}
        self.assertEqual(
            run(keys=keys, mode="it", ports=["127.0.0.1:9000:90"], environment=["LEVEL=2", "HOME"], ignores=["x"],
                mappings=["data/", "~/models:/models:ro"]), [
                    "docker", "--host", "ssh://ada@box", "run", "--rm",
                    "--pull", "never", "--init", "--name", "churn-train-0a1b2c3d",
                    "--label", "skelebot.project=Big Churn", "--label", "skelebot.job=train",
                    "--interactive", "--tty",
                    "--user", "1000:100", "--env", "USER=ada",
                    "--gpus", "all", "--ipc=host",
                    "--publish", "8080:80", "--publish", "127.0.0.1:9000:90",
                    "--env", "LEVEL", "--env", "TOKEN", "--env", "HOME",
                    "--entrypoint", "",
                    "--mount", "type=bind,source=/home/ada/churn/data,target=/app/data/",
                    "--mount", "type=bind,source=/home/ada/models,target=/models,readonly",
                    "big-churn-dev:train", "python", "-u", "src/train.py"])

    def test_of_a_detached_job(self):
        self.assertEqual(run(mode="d"), [
            "docker", "run", "--rm", "--detach",
            "--pull", "never", "--init", "--name", "churn-train-0a1b2c3d",
            "--label", "skelebot.project=churn", "--label", "skelebot.job=train",
            "churn", "python", "-u", "src/train.py"])

    def test_asks_for_a_terminal_only_in_mode_it_and_when_there_is_one(self):
        for mode, terminal, expected in (
                ("i", True, ["--interactive"]), ("i", False, ["--interactive"]), ("it", False, ["--interactive"]),
                ("it", True, ["--interactive", "--tty"]), ("d", True, []), ("d", False, [])):
            with self.subTest(mode=mode, terminal=terminal):
                self.assertEqual(between(run(ADA._replace(terminal=terminal), mode=mode)), expected)

    def test_is_the_callers_in_the_container_too_when_user_is_host(self):
        caller = ["--interactive", "--user", "1000:100", "--env", "HOME=/tmp", "--env", "USER=ada"]
        for case, call, rootless, expected in (
                ("a user", ADA, False, caller),
                ("a user without a name", ADA._replace(login=""), False, caller[:-2]),
                ("a user whose engine is rootless", ADA, True, ["--interactive"]),
                ("root", ADA._replace(uid=0, gid=0, login="root"), False, ["--interactive"]),
                ("a user of podman", PODMAN, False, ["--interactive", "--userns", "keep-id", *caller[1:]]),
                ("a user of podman, also when it is rootless", PODMAN, True,
                 ["--interactive", "--userns", "keep-id", *caller[1:]]),
                ("Windows, which has no uid", ADA._replace(uid=0, gid=0), False, ["--interactive"])):
            with self.subTest(case):
                self.assertEqual(between(run(call, rootless, keys={"user": "host"})), expected)

    def test_is_roots_when_user_is_root(self):
        for call in (ADA, PODMAN, ADA._replace(uid=0)):
            self.assertEqual(between(run(call, keys={"user": "root"})), ["--interactive"])

    def test_never_holds_the_value_of_a_variable_that_is_passed_on(self):
        call = ADA._replace(environ={"TOKEN": "s3cret", "KEY": "s3cret"})
        argv = run(call, keys={"environment": ["TOKEN"]}, environment={"KEY": None})
        self.assertEqual(between(argv), ["--interactive", "--env", "TOKEN", "--env", "KEY"])

    def test_names_variables_and_leaves_their_values_to_the_environment(self):
        values = {f"V{index}": value for index, value in enumerate(VALUES)}
        keys = {"environment": {"V0": "the project's", "OWN": "x", "PASSED": None}}
        self.assertEqual(between(run(keys=keys, environment=values)),
                         ["--interactive", *skelebot.each("--env", ["V0", "OWN", "PASSED", *list(values)[1:]])])
        self.assertEqual(skelebot.job_variables(project(**keys), job(environment=values), False), {**values, "OWN": "x"})

    def test_never_gives_its_command_line_a_variable_that_would_change_it(self):
        for name in CLIENTS_OWN:
            with self.subTest(name):
                it = job(environment={name: "x y", "OK": "1", "LD": "2", "HOMES": "3", "GO": "4", "MY_PATH": "5"})
                self.assertNotIn(name, between(run(environment={name: "x"})))
                self.assertEqual(sorted(skelebot.job_variables(project(), it, False)), ["GO", "HOMES", "LD", "MY_PATH", "OK"])
                self.assertEqual(skelebot.variables_file(project(), it, {}), f"{name}=x y\n")
                self.assertEqual(between(run(environment={name: None})), ["--interactive", "--env", name])

    def test_has_no_line_break_in_the_file_for_those(self):
        it = project(jobs=[{"name": "train", "source": "src/train.py", "environment": {"HOME": "/x\nB=2"}}])
        with self.assertRaises(skelebot.SkelebotError) as raised:
            skelebot.variables_file(it, it.jobs[0], {})
        self.assertEqual(str(raised.exception) + "\n", two_lines(
            "skelebot.yaml:1: jobs[0].environment: HOME has a line break in its value, which Docker cannot be given in a file",
            "remove it"))

    def test_has_no_value_that_would_be_another_one_in_json(self):
        for value, environ in (("\udce9", {}), (None, {"TOKEN": "\udce9"})):
            it = project()._replace(environment=(skelebot.Variable("TOKEN", value),))
            with self.assertRaises(skelebot.SkelebotError) as raised:
                skelebot.variables_file(it, it.jobs[0], environ)
            self.assertEqual(str(raised.exception) + "\n", two_lines(
                "skelebot.yaml:1: jobs[0]: TOKEN has a value that is not UTF-8, which Docker cannot be given",
                "give it in UTF-8; natively and on a cluster it goes as it is"))

    def test_resets_an_entrypoint_that_is_the_primary_job(self):
        keys = {"primaryJob": "train", "primaryExe": "ENTRYPOINT"}
        self.assertEqual(between(run(keys=keys)), ["--interactive", "--entrypoint", ""])
        self.assertEqual(between(run(keys={**keys, "primaryExe": "CMD"})), ["--interactive"])

    def test_ends_with_the_jobs_argv_word_for_word(self):
        words = ("python", "-u", "a b.py", "", "--x", "-", "$HOME", "`id`", "it's", "\n", "ü")
        self.assertEqual(container(("run", "--rm"), project(), job(), words)[-len(words):], words)


class Create(unittest.TestCase):
    def test_has_empty_volumes_where_folders_will_be_copied(self):
        it = job(mappings=["data/", "~/m:/m", "/srv/x:/x", "notes.txt"])
        travel = (*copies("/app/data/", "/m"), Copy("", "/app/notes.txt", False, True))
        self.assertEqual(list(container(("create",), project(host="ssh://box"), it, copies=travel)), [
            "docker", "--host", "ssh://box", "create",
            "--pull", "never", "--init", "--name", "churn-train-0a1b2c3d",
            "--label", "skelebot.project=churn", "--label", "skelebot.job=train",
            "--interactive",
            "--mount", "type=volume,target=/app/data/,volume-nocopy",
            "--mount", "type=volume,target=/m,volume-nocopy",
            "--mount", "type=bind,source=/srv/x,target=/x",
            "churn", "python", "-u", "src/train.py"])

    def test_quotes_a_volume_whose_folder_has_a_comma(self):
        it = job(mappings=["a,b/"])
        self.assertIn('type=volume,"target=/app/a,b/",volume-nocopy',
                      container(("create",), project(), it, copies=copies(it.mappings[0].target)))


class Ends(unittest.TestCase):
    def test_are_gentle_at_first_and_with_podman_a_kill_before_what_would_wait_again(self):
        run = skelebot.Run(job(), skelebot.Launch(()), name="churn-train")
        self.assertEqual([" ".join(argv) for argv in engine(Call()).ends(run)], [
            "docker stop --time 10 churn-train", "docker rm --force --volumes churn-train"])
        self.assertEqual([" ".join(argv) for argv in engine(PODMAN).ends(run)], [
            "podman stop --time 10 churn-train", "podman kill churn-train", "podman rm --force --volumes churn-train"])


class Build(unittest.TestCase):
    def test_takes_a_dockerfile_and_the_projects_folder(self):
        self.assertEqual(list(engine(Call()).build("churn", "Dockerfile")), [
            "docker", "build", "--force-rm", "--tag", "churn", "--file", "Dockerfile", "."])
        podman = engine(Call(engine="podman"), "ssh://box")
        self.assertEqual(list(podman.build("churn:train", "docker/my own")), [
            "podman", "--remote", "--url", "ssh://box",
            "build", "--force-rm", "--tag", "churn:train", "--file", "docker/my own", "."])


class Engine(unittest.TestCase):
    def test_is_this_machines_or_that_of_the_host(self):
        for program, host, expected in (
                ("docker", "", ["docker"]),
                ("docker", "ssh://ada@box", ["docker", "--host", "ssh://ada@box"]),
                ("podman", "", ["podman"]),
                ("podman", "ssh://ada@box", ["podman", "--remote", "--url", "ssh://ada@box"]),
                ("/opt/bin/podman-4", "tcp://box:1", ["/opt/bin/podman-4", "--remote", "--url", "tcp://box:1"])):
            with self.subTest(program=program, host=host):
                self.assertEqual(list(engine(Call(engine=program), host).argv), expected)

    def test_is_on_the_host_of_the_option_before_the_jobs_before_the_projects(self):
        it, its_job, other = project(host="ssh://project"), job(host="ssh://job"), job()
        for call, one, host in ((Call(host="ssh://option"), its_job, "ssh://option"), (Call(), its_job, "ssh://job"),
                                (Call(), other, "ssh://project")):
            runner = drive(skelebot.plan_runner(call, it, one)).status
            self.assertEqual((runner.engine.host, runner.engine.endpoint), (host, host))

    def test_is_local_at_a_socket_or_pipe(self):
        for endpoint, expected in (("", True), ("unix:///var/run/docker.sock", True), ("npipe:////./pipe/docker", True),
                                   ("fd://", True), ("ssh://box", False), ("tcp://127.0.0.1:2375", False)):
            with self.subTest(endpoint):
                self.assertEqual(skelebot.is_local(endpoint), expected)

    def test_ends_a_container_gently_then_by_force(self):
        it, run = engine(Call(), "ssh://box"), skelebot.Run(project().jobs[0], skelebot.Launch(ARGV), name="churn-train")
        self.assertEqual((it.stop(run), it.remove("churn-train")), (
            ("docker", "--host", "ssh://box", "stop", "--time", "10", "churn-train"),
            ("docker", "--host", "ssh://box", "rm", "--force", "--volumes", "churn-train")))

    @unittest.skipIf(os.name == "nt", "scripts of Linux and macOS")
    def test_is_podman_where_docker_is_missing_or_only_a_name_for_it(self):
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        script, other = "#!/bin/sh\nexec podman \"$@\"\n", "#!/bin/sh\n"
        for expected, files in (("docker", {}), ("docker", {"docker": other}), ("podman", {"podman": other}),
                                ("docker", {"docker": other, "podman": other}), ("docker", {"docker": script}),
                                ("podman", {"docker": script, "podman": other}),
                                ("docker", {"docker": other + 20000 * "podman", "podman": other})):
            with self.subTest(files), folder(files) as path:
                for name in files:
                    os.chmod(os.path.join(path, name), 0o755)
                os.environ["PATH"] = path
                self.assertEqual(skelebot.engine_program({})["engine"], expected)

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_is_podman_where_docker_is_a_link_to_it(self):
        self.addCleanup(os.environ.__setitem__, "PATH", os.environ["PATH"])
        with folder({"podman": "#!/bin/sh\n"}) as path:
            os.chmod(os.path.join(path, "podman"), 0o755)
            os.symlink("podman", os.path.join(path, "docker"))
            os.environ["PATH"] = path
            self.assertEqual(skelebot.engine_program({})["engine"], "podman")

    def test_is_the_one_that_is_asked_for(self):
        for name in ("docker", "podman", "/opt/bin/podman-4", "nerdctl"):
            self.assertEqual(skelebot.engine_program({"SKELEBOT_DOCKER": name})["engine"], name)


class ContainerName(unittest.TestCase):
    def test_is_the_images_and_the_jobs_and_for_an_attached_one_a_token(self):
        it = project(name="Big Churn", env="dev")
        self.assertEqual(it.container(job(name="loadData")), "big-churn-dev-loaddata")
        self.assertEqual(it.container(job(name="loadData"), "0a1b"), "big-churn-dev-loaddata-0a1b")

    def test_is_one_that_docker_takes(self):
        for name in ("日本", "a/b:c", "_", "é"):
            with self.subTest(name):
                self.assertRegex(project().container(job(name=name)), r"^churn-[a-z0-9][a-z0-9_.-]*$")


# mapping -> (source, target, options), in the project /home/ada/churn of /home/ada
MAPPINGS = {
    "data/": ("/home/ada/churn/data", "/app/data/", ()),
    "data": ("/home/ada/churn/data", "/app/data", ()),
    "./data": ("/home/ada/churn/data", "/app/data", ()),
    "././data/in/": ("/home/ada/churn/data/in", "/app/data/in/", ()),
    ".:/app": ("/home/ada/churn", "/app", ()),
    "~/x:/y": ("/home/ada/x", "/y", ()),
    "~:/home": ("/home/ada", "/home", ()),
    "/a:/b:ro": ("/a", "/b", ("ro",)),
    "/a": ("/a", "/a", ()),
    "../shared:/shared": ("/home/ada/shared", "/shared", ()),
    "data:in": ("/home/ada/churn/data", "/app/in", ()),
    "data:./in": ("/home/ada/churn/data", "/app/in", ()),
    "data:/in:rw": ("/home/ada/churn/data", "/in", ("rw",)),
    "data:/in:ro,z": ("/home/ada/churn/data", "/in", ("ro", "z")),
    "d:/data": ("/home/ada/churn/d", "/data", ()),
    "d:/data:ro": ("/home/ada/churn/d", "/data", ("ro",)),
    "my data/": ("/home/ada/churn/my data", "/app/my data/", ()),
    "$HOME/x:/y": ("/home/ada/churn/$HOME/x", "/y", ()),
    "-x/": ("/home/ada/churn/-x", "/app/-x/", ()),
    "Größe/": ("/home/ada/churn/Größe", "/app/Größe/", ()),
}

# mapping -> the words of `docker run`
MOUNTS = {
    "data/": ["--mount", "type=bind,source=/home/ada/churn/data,target=/app/data/"],
    "/a:/b:ro": ["--mount", "type=bind,source=/a,target=/b,readonly"],
    "/a:/b:rw": ["--mount", "type=bind,source=/a,target=/b"],
    "my data/": ["--mount", "type=bind,source=/home/ada/churn/my data,target=/app/my data/"],
    "a,b:/c": ["--mount", 'type=bind,"source=/home/ada/churn/a,b",target=/c'],
    "a,b/": ["--mount", 'type=bind,"source=/home/ada/churn/a,b","target=/app/a,b/"'],
    'a"b:/c': ["--mount", 'type=bind,"source=/home/ada/churn/a""b",target=/c'],
    'a"b': ["--mount", 'type=bind,"source=/home/ada/churn/a""b","target=/app/a""b"'],
    "it's/": ["--mount", "type=bind,source=/home/ada/churn/it's,target=/app/it's/"],
    "/a:/b:z": ["--volume", "/a:/b:z"],
    "data/:/b:ro,Z": ["--volume", "/home/ada/churn/data:/b:ro,Z"],
}


@unittest.skipIf(os.name == "nt", "paths of Linux and macOS")
class Mount(unittest.TestCase):
    def test_has_a_source_on_the_host_and_a_target_in_the_container(self):
        for text, expected in MAPPINGS.items():
            with self.subTest(text):
                mapping = job(mappings=[text]).mappings[0]
                source = skelebot.host_path(mapping.source, "/home/ada/churn", "/home/ada")
                self.assertEqual((source, mapping.target, mapping.options), expected)

    def test_is_one_word_that_docker_takes_for_any_path(self):
        for text, expected in MOUNTS.items():
            with self.subTest(text):
                self.assertEqual(list(mount_words(Mapping(text), "/home/ada/churn", "/home/ada")), expected)

    def test_knows_the_drives_of_windows(self):
        for text, source, target, options in (
                (r"C:\data:/data", r"C:\data", "/data", ()), ("C:/data:/data", "C:/data", "/data", ()),
                (r"C:\data:/data:ro", r"C:\data", "/data", ("ro",)), (r"c:\my data:in", r"c:\my data", "/app/in", ())):
            with self.subTest(text):
                mapping = job(mappings=[text]).mappings[0]
                self.assertEqual((mapping.source, mapping.target, mapping.options), (source, target, options))

    def test_of_what_cannot_be_one_is_a_fault(self):
        for text in ("~", "~/x", "..", "../x", "a:", ":b", "a:b:c", "a:/b:rx", "a:/b:ro:rw", "a\nb", ""):
            with self.subTest(text):
                self.assertFalse(Mapping.fits(text))

    def test_is_never_mistaken_for_its_options(self):
        for text, target, option in (("data/:ro", "/app/data/", "ro"), ("data:rw", "/app/data", "rw"),
                                     ("./data:z", "/app/data", "z"), ("/srv/x:Z", "/srv/x", "Z")):
            with self.subTest(text):
                self.assertEqual((Mapping.fits(text), Mapping(text).target, Mapping(text).options), (True, target, (option,)))
        mapping = job(mappings=["data/:/app/data:ro"]).mappings[0]
        self.assertEqual((mapping.source, mapping.target, mapping.options), ("data/", "/app/data", ("ro",)))
        self.assertEqual(Mapping("data/:rows").target, "/app/rows")
        self.assertEqual([text for text in ("~/x:ro", "../x:ro", "data/:no:no") if Mapping.fits(text)], [])


class Refusals(unittest.TestCase):
    """What engines, their command lines and ssh have said, and whom the hint names."""
    SAID = (
        ('error getting credentials - err: exec: "docker-credential-desktop": executable file not found in $PATH',
         "^docker-credential-desktop keeps the logins"),
        ('Error saving credentials: error storing credentials - err: exec: "docker-credential-ecr-login": executable',
         "^docker-credential-ecr-login keeps"),
        ("Error response from daemon: client version 1.52 is too new. Maximum supported API version is 1.41", "DOCKER_API_VERSION"),
        ("client version 1.10 is too old. Minimum supported API version is 1.44, please upgrade", "DOCKER_API_VERSION"),
        ('Failed to initialize: unable to resolve docker endpoint: context "box": context not found: open /x/meta.json: no such',
         '^there is no context "box"'),
        ('unable to resolve docker endpoint: context "box" does not exist', '^there is no context "box"'),
        ('Current context "gone" is not found on the file system', '^there is no context "gone"'),
        ("exit status 255: stderr=ada@box: Permission denied (publickey,password).", "^ssh was refused, not Docker"),
        ("stderr=Host key verification failed.", "^ssh was refused"),
        ("[ssh -- box docker system dial-stdio] exit status 127: stderr=bash: line 1: docker: command not found", "^that machine has no docker"),
        ("stderr=ssh: Could not resolve hostname bx: Name or service not known", "^no machine has that name"),
        ("dial tcp: lookup bx on 10.0.0.1:53: no such host", "^no machine has that name"),
        ("stderr=ssh: connect to host box port 22: Connection timed out", "^ssh could not connect"),
        ("unable to resolve docker endpoint: open /home/ada/.docker/ca.pem: no such file or directory", "DOCKER_CERT_PATH"),
        ("x509: certificate signed by unknown authority", "DOCKER_CERT_PATH"),
        ('exec: "newuidmap": executable file not found in $PATH', "^podman needs newuidmap"),
        ("permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock", "^join the group"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", "^start it$"),
        ("Error response from daemon: Error processing tar file(exit status 1): write /vol/big: no space left on device",
         "^the engine's disk is full: docker system df"),
        ('Error: 2 errors occurred:\n\t* copying to container: copier: put: error writing file "/vol/big": write /vol/big: no space left '
         'on device\n\t* copying from host: copier: get: "/x/big": copying /x/big: io: read/write on closed pipe', "^the engine's disk is full"),
        ("", "^start it$"))

    def test_name_who_refused(self):
        for said, hint in self.SAID:
            with self.subTest(said):
                self.assertRegex(skelebot.refusal_hint(said, "start it"), hint)

    def test_of_a_program_that_keeps_logins_are_foreseen(self):
        for config, missing in (("{}", ""), ("", ""), ('{"credsStore": "gone"}', "docker-credential-gone"),
                                ('{"credsStore": "here"}', ""), ("{bad", ""),
                                ('{"credsStore": "here", "credHelpers": {"r.example.com": "gcr"}}', "docker-credential-gcr")):
            with folder({"config.json": config, "bin/docker-credential-here": ""}) as path:
                os.chmod(os.path.join(path, "bin", "docker-credential-here"), 0o755)
                environ = {"DOCKER_CONFIG": path, "PATH": os.path.join(path, "bin")}
                self.assertEqual(skelebot.missing_helper(environ, "/none"), missing)


class MeantMappings(unittest.TestCase):
    """What a mapping's text becomes on this machine."""
    ENVIRON = {"DATA": "/srv/data", "SET": "set 1", "EMPTY": "", "LIST": "/a:/b", "PWD": "/elsewhere"}
    PLACE = skelebot.Place("skelebot.yaml", 7, "jobs[0].mappings")

    def meant(self, text):
        return str(skelebot.meant_mapping(Mapping(text), self.PLACE, self.ENVIRON, "/home/ada/churn"))

    def test_have_the_callers_variables(self):
        for text, expected in (
                ("data/", "data/"), ("$DATA/set1:/data:ro", "/srv/data/set1:/data:ro"), ("${DATA}:d", "/srv/data:d"),
                ("$DATA/$SET:/d", "/srv/data/set 1:/d"), ("out/$SET/", "out/set 1/"), ("$PWD/x:/x", "/home/ada/churn/x:/x"),
                ("$(pwd):/all", "/home/ada/churn:/all"), ("~/x:/x", "~/x:/x"), ("./~x:/x", "./~x:/x"), ("a$:/x", "a$:/x")):
            with self.subTest(text):
                self.assertEqual(self.meant(text), expected)

    @unittest.skipIf(os.name == "nt", "there these are paths")
    def test_that_cannot_be_meant_are_faults(self):
        for text, message in (
                ("$GONE/x:/x", "'$GONE/x:/x' names GONE, which is not set"), ("x/${EMPTY}", "'x/${EMPTY}' names EMPTY, which is not set"),
                ("$LIST:/x", "'$LIST:/x' names LIST, which is no path"),
                ("data\\sub", "'data\\\\sub' is no path of this machine"), ("C:\\data:/x", "'C:\\\\data' is no path of this machine"),
                ("C:/data:/x", "'C:/data' is no path of this machine"), ("%USERPROFILE%/d:/d", "'%USERPROFILE%/d' is no path of this machine"),
                ("\\\\box\\share:/d", "'\\\\\\\\box\\\\share' is no path of this machine"), ("$(date)/x:/x", "'$(date)/x' is no path of this machine"),
                ("~no-such-user/x:/x", "'~no-such-user/x': there is no such user on this machine")):
            with self.subTest(text), self.assertRaises(skelebot.SkelebotError) as caught:
                self.meant(text)
            self.assertEqual(caught.exception.message, f"{self.PLACE}: {message}")

    def test_of_another_user_are_in_that_users_home(self):
        self.assertEqual(self.meant("~root/x:/x"), os.path.expanduser("~root/x") + ":/x")

    def fault(self, text, **files):
        with folder(files) as path:
            os.symlink("nowhere", os.path.join(path, "dangling"))
            os.symlink("there.csv", os.path.join(path, "link.csv"))
            place = path + "/" + text.partition(":")[0] + (":" + text.partition(":")[2] if ":" in text else ":/x")
            try:
                skelebot.check_source(Mapping(place), self.PLACE, "/home/ada")
            except skelebot.SkelebotError as fault:
                return fault.message.partition("' ")[2] or fault.message

    def test_of_what_does_not_exist_are_made_only_if_that_is_a_folder(self):
        for text, said in (
                ("out", None), ("out/", None), ("out.csv/", None), ("models-1.2", None), (".cache", None), ("there.csv", None),
                ("out.csv", "does not exist, and looks like a file"), ("a/b.tar.gz", "does not exist, and looks like a file"),
                ("conf/app.ini:/etc/app.ini", "does not exist, and looks like a file"), ("in:/in:ro", "does not exist"),
                ("in/:/in:z,ro", "does not exist"), ("link.csv", None)):
            with self.subTest(text):
                self.assertEqual(self.fault(text, **{"there.csv": ""}), said)
        self.assertIn("is a link to", self.fault("dangling"))
        self.assertIn("is a link to", self.fault("link.csv"))


class LinksInMappedFolders(unittest.TestCase):
    LINKS = {"data/up": "../raw/a", "data/kept": "../kept/b", "data/near": "x", "data/far": "/mnt", "data/tool": "/usr/bin",
             "data/sub/up": "../../raw/a", "data/sub/in": "../x", "data/lost": "gone"}

    def unseen(self, mappings, travel=False):
        with folder({"raw/a": "", "kept/b": "", "data/x": "", "data/sub/y": ""}) as path:
            for link, text in self.LINKS.items():
                os.symlink(text, os.path.join(path, link))
            before = os.getcwd()
            os.chdir(path)
            try:
                found = skelebot.unseen_links(list(map(Mapping, mappings)), "/home/ada",
                                              lambda: skelebot.Ignores("raw/"), travel)
            finally:
                os.chdir(before)
        return [link for link, _ in found]

    def test_are_those_that_lead_where_the_container_has_nothing(self):
        self.assertEqual(self.unseen(["data/"]), ["data/far", "data/sub/up", "data/up"])
        self.assertEqual(self.unseen(["data/", "raw/"]), ["data/far"])
        self.assertEqual(self.unseen(["data/", "raw:/app/raw:ro", "/mnt:/mnt"]), [])
        self.assertEqual(self.unseen(["data:/data"]), ["data/far", "data/kept", "data/sub/up", "data/up"])
        self.assertEqual(self.unseen(["raw/"]), [])

    def test_are_all_that_lead_out_of_a_folder_that_travels(self):
        self.assertEqual(self.unseen(["data/", "raw/"], travel=True), ["data/far", "data/kept", "data/sub/up", "data/up"])

    def test_are_looked_for_among_the_first_entries_only(self):
        with folder({f"{number}": "" for number in range(30)}) as path:
            for number in range(30):
                os.symlink("0", os.path.join(path, f"link{number}"))
            self.assertEqual(len(skelebot.links_in(path, 1000)), 30)
            self.assertLess(len(skelebot.links_in(path, 10)), 11)
            self.assertEqual(skelebot.links_in(os.path.join(path, "none")), [])


if __name__ == "__main__":
    unittest.main()
