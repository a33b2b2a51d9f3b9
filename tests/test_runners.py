"""Plans: the steps of a job and of a command, in their order."""
import json
import os
import subprocess
import sys
import unittest

from support import (ROOT, Listing, Look, Read, call, contents, drive, folder, inside, process,
                     project, shown, skelebot, two_lines)
from skelebot import (Call, Command, File, Outcome, Release, Remove, Words, plan_chain, plan_engine,
                      plan_exec, plan_job, plan_prime)

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b", python="/usr/bin/python3")
BUILD = "docker build --force-rm --tag churn --iidfile /tmp/scratch/image --file Dockerfile . >&2"
RUN = ("docker run --rm --pull never --init --name churn-train-0a1b --label skelebot.project=churn"
       " --label skelebot.job=train --interactive churn python -u src/train.py")
ENDS = (("docker", "stop", "--time", "10", "churn-train-0a1b"), ("docker", "rm", "--force", "--volumes", "churn-train-0a1b"))
LOOKS = ["Look Dockerfile.dockerignore", "Look .containerignore"]
BUILT = [BUILD, "Remove /tmp/scratch", "Release"]
AGAIN = ["Read .dockerignore", "Read Dockerfile"]    # under the lock, since another call may have written them
WRITTEN = ["Scratch 0a1b", "File Dockerfile", "File .dockerignore", *BUILT]
IMAGE = ["Read skelebot.yaml", "Read .dockerignore", "Read Dockerfile", *LOOKS, "Hold .", *AGAIN, *WRITTEN]
PRIMED = ["Hold .", "Read .dockerignore", "Read Dockerfile", *LOOKS, *WRITTEN]
FRESH = {Read: None, "version": Outcome()}


def plan_image(caller, it):
    """The project's image, built unless it exists."""
    engine = yield from plan_engine(caller, "")
    return (yield from skelebot.Image(engine, it).plan_ready())


def one(source="src/train.py", **job):
    """The keys of a project with one job."""
    return {"jobs": [{"name": "train", "source": source, **job}]}


def driven(results=None, call=ADA, words=None, **keys):
    """What the plan of a project's first job did."""
    it = project(**keys)
    return drive(plan_job(call, it, it.jobs[0], words or Words()), results)


class PlanCase(unittest.TestCase):
    maxDiff = None

    def assertFault(self, done, message, hint):
        self.assertEqual(f"{done.fault}\n", two_lines(message, hint))


class JobInDocker(PlanCase):

    def test_writes_what_docker_builds_from_then_builds_then_runs(self):
        done = driven()
        self.assertEqual(done.outline, ["Look src/train.py", *IMAGE, RUN])
        self.assertEqual(done.steps[-1].stop, ENDS)

    def test_makes_its_mapped_folders_once_there_is_an_image(self):
        done = driven(**one(mappings=["data/", "~/models:/m", "/srv/x"]))
        self.assertEqual(done.outline[-5:-1], ["Release", "MakeFolder data", "MakeFolder /home/ada/models",
                                               "MakeFolder /srv/x"])

    def test_gives_the_status_of_the_job(self):
        for status in (0, 1, 3, 77, 137):
            self.assertEqual(driven({"run": Outcome(status)}).status, status)

    def test_leaves_files_alone_that_are_right(self):
        it = project()
        present = {"Dockerfile": skelebot.Dockerfile(it, {}).text().encode(),
                   ".dockerignore": skelebot.dockerignore(it, None, None).encode()}
        self.assertEqual(driven(present).outline, [
            "Look src/train.py", "Read skelebot.yaml", "Read .dockerignore", "Read Dockerfile", *LOOKS,
            "Hold .", *AGAIN, "Scratch 0a1b", *BUILT, RUN])

    def test_builds_no_image_with_skip_build(self):
        self.assertEqual(driven(call=ADA._replace(skip_build=True)).outline, ["Look src/train.py", "Read skelebot.yaml", RUN])

    def test_builds_an_image_of_its_own_when_it_has_ignores_of_its_own(self):
        done = driven(**one(ignores=["big/"]))
        self.assertIn(BUILD.replace("churn", "churn:train"), done.outline)
        written = {step.path: step.data for step in done.steps if isinstance(step, File)}
        self.assertIn(b"\nbig/\n", written[".dockerignore"])
        self.assertIn(" churn:train python ", done.outline[-1])

    def test_has_its_source_looked_for_only_when_it_is_run(self):
        keys = {"jobs": [{"name": "train", "source": "a.py"}, {"name": "score", "source": "gone.py"}]}
        self.assertEqual(driven({"gone.py": ""}, **keys).status, 0)
        it = project(**keys)
        done = drive(plan_job(ADA, it, it.jobs[1], Words()), {"gone.py": ""})
        self.assertEqual(done.outline, ["Look gone.py"])
        self.assertFault(done, "skelebot.yaml:1: jobs[1].source: 'gone.py' does not exist",
                         "correct the path, or add the file")

    def test_may_have_a_source_that_only_the_image_has(self):
        self.assertEqual(driven(**one("/opt/train.py")).outline[0], "Read skelebot.yaml")
        self.assertEqual(driven(**one("make train")).outline[0], "Read skelebot.yaml")

    def test_expands_the_variables_of_the_file_in_the_container_and_no_others(self):
        keys = one("a.py $QUEUE", params=[{"name": "home", "default": "$HOME/x y"}], args=["who"])
        done = driven(words=Words({"who": ("$(id) $HOME",)}), **keys)
        self.assertEqual(done.steps[-1].argv[-10:], (
            "churn", "sh", "-c", 'exec "${1}" "${2}" "${3}" "${QUEUE}" "${4}" "${5}" "${HOME}"\'/x y\'',
            "sh", "python", "-u", "a.py", "$(id) $HOME", "--home"))

    def test_asks_whether_the_engine_is_rootless_where_it_matters(self):
        asked = "docker info --format '{{.SecurityOptions}}'"
        done = driven(user="host")
        self.assertIn(asked, done.outline)
        self.assertIn(" --user 1000:100 ", done.outline[-1])
        self.assertNotIn("--user", driven({"info": Outcome(0, "[name=rootless]")}, user="host").outline[-1])
        for call in (ADA._replace(uid=0), ADA._replace(engine="podman")):
            self.assertNotIn(asked, driven(call=call, user="host").outline)


    def test_knows_its_caller_by_name_in_the_accounts_of_its_image(self):
        asking = ("docker run --rm --pull never --network none --entrypoint sh churn "
                  "-c 'cat /etc/passwd; echo; cat /etc/group'")
        told = Outcome(0, "root:x:0:0:root:/root:/bin/sh\n\nroot:x:0:\n")
        done = driven({"run": told}, user="host")
        self.assertIn(asking, done.outline)
        files = {os.path.basename(step.path).rpartition("-")[0]: step.data.decode()
                 for step in done.steps if isinstance(step, skelebot.File) and "etc-" in step.path}
        self.assertEqual(files, {
            "etc-passwd": "ada:x:1000:100::/tmp:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n",
            "etc-group": "ada:x:100:\nroot:x:0:\n"})
        self.assertNotIn(asking, driven({"run": told}).outline)
        for call in (ADA._replace(uid=0), ADA._replace(engine="podman"), ADA._replace(dry_run=True)):
            self.assertNotIn(asking.partition(" ")[2], str(driven({"run": told}, call=call, user="host").outline))


class AccountTexts(unittest.TestCase):
    def test_begin_with_the_jobs_user_whatever_the_image_has(self):
        for login, text, passwd, group in (
                ("ada", "", "ada:x:4321:99::/tmp:/bin/sh\n", "ada:x:99:\n"),
                ("ada", "node:x:4321:4321::/home/node:/bin/bash\n\nusers:x:99:eve,bob",
                 "ada:x:4321:99::/tmp:/bin/sh\nnode:x:4321:4321::/home/node:/bin/bash\n", "ada:x:99:\nusers:x:99:eve,bob\n"),
                ("CORP\\ada lovelace:x\n", "odd\n#\n+::::::\n\n+:::\n",
                 "CORP\\ada_lovelace_x_:x:4321:99::/tmp:/bin/sh\n+::::::\n", "CORP\\ada_lovelace_x_:x:99:\n+:::\n")):
            engine = skelebot.Engine(Call(uid=4321, gid=99, login=login))
            self.assertEqual(engine.account_texts(text, "/tmp"), [passwd, group])


class DetachedJob(PlanCase):
    def test_is_run_under_a_name_that_scripts_rely_on_and_answers_with_it(self):
        done = driven(**one(mode="d"))
        self.assertEqual(done.outline[-2:], [
            "docker run --rm --detach --pull never --init --name churn-train --label skelebot.project=churn"
            " --label skelebot.job=train churn python -u src/train.py", "Answer churn-train"])
        self.assertEqual((done.steps[-2].kept, done.steps[-2].stop), (True, ()))

    def test_that_runs_already_is_a_fault(self):
        done = driven({"run": Outcome(125, "", 'docker: Error: Conflict. The container name "/churn-train" is already in'
                                               ' use by container "0a". You have to remove that container.\n')},
                                               **one(mode="d"))
        self.assertFault(done, "train is running already, as the container churn-train",
                         "docker stop churn-train ends it")

    def test_that_cannot_be_started_is_a_fault_in_the_engines_words(self):
        done = driven({"run": Outcome(125, "", "Oh\ndocker: no such runtime: x.\n")},
                      **one(mode="d"))
        self.assertEqual(done.fault.message, "train was not started: docker: no such runtime: x.")

    def test_whose_port_is_taken_is_not_said_to_run_already(self):
        error = ("docker: Error response from daemon: driver failed programming external connectivity:\n"
                 "listen tcp4 0.0.0.0:8080: bind: address already in use.\n")
        done = driven({"run": Outcome(125, "", error)}, **one(mode="d", ports=["8080:80"]))
        self.assertEqual(done.fault.message,
                         "train was not started: listen tcp4 0.0.0.0:8080: bind: address already in use.")


class NativeJob(PlanCase):
    NATIVELY = ["Look src/train.py", "Read skelebot.yaml", "/usr/bin/python3 -u src/train.py"]

    def test_runs_by_the_callers_python_and_touches_no_docker(self):
        self.assertEqual(driven(call=ADA._replace(native=True)).outline, self.NATIVELY)

    def test_is_one_that_says_native_always(self):
        self.assertEqual(driven(**one(native="always")).outline, self.NATIVELY)
        self.assertEqual(driven(call=ADA._replace(host="ssh://box"), **one(native="always")).outline, self.NATIVELY)

    def test_is_not_one_that_says_native_never(self):
        done = driven(call=ADA._replace(native=True), **one(native="never"))
        self.assertEqual(done.steps, [])
        self.assertFault(done, "skelebot.yaml:1: jobs[0].native: train runs in Docker only (native: never)",
                         "leave -n out")
        self.assertEqual(driven(**one(native="never")).outline[-1], RUN)

    def test_has_the_variables_of_the_file(self):
        done = driven(call=ADA._replace(native=True), environment={"A": "1", "TOKEN": None},
                      **one("make $A", environment=["A=2 x", "B="]))
        self.assertEqual(done.steps[1:], [Command(("bash", "-c", "make $A", "bash"), {"A": "2 x", "B": ""}, whole=True)])

    def test_has_defaults_expanded_here_and_typed_words_left_alone(self):
        call = ADA._replace(native=True, environ={"HOME": "/home/ada", "Q": "$HOME"})
        keys = one("a.py ${Q}", environment={"LEVEL": "7"}, args=["who"],
                   params=[{"name": "home", "default": "$HOME/x"}, {"name": "level", "default": "$LEVEL$GONE."}])
        done = driven(call=call, words=Words({"who": ("$HOME",)}), **keys)
        self.assertEqual(done.steps[-1].argv, ("/usr/bin/python3", "-u", "a.py", "$HOME", "$HOME", "--home",
                                               "/home/ada/x",
                                               "--level", "7."))

    def test_gives_the_status_of_the_job(self):
        self.assertEqual(driven({"-u": Outcome(77)}, call=ADA._replace(native=True)).status, 77)

    def test_has_its_mapped_folders_made_but_those_that_are_mapped_elsewhere(self):
        for text, made in (("out/", ["Look out", "MakeFolder out"]), ("./a/b/", ["Look a/b", "MakeFolder a/b"]), ("data:/data", []),
                           ("~/models:/m", []), ("data/:/app/other", [])):
            with self.subTest(text):
                done = driven(call=ADA._replace(native=True), **one(mappings=[text]))
                self.assertEqual(done.outline, [*self.NATIVELY[:2], *made, self.NATIVELY[2]])


class EphemeralProject(unittest.TestCase):
    UNDO = ["Remove Dockerfile", "Remove .dockerignore", "Release"]

    def test_removes_its_files_after_the_build(self):
        self.assertEqual(driven(ephemeral=True).outline, ["Look src/train.py", *IMAGE[:-1], *self.UNDO, RUN])

    def test_removes_them_also_when_the_build_is_interrupted_or_fails(self):
        for result, fault in ((KeyboardInterrupt(), KeyboardInterrupt), (Outcome(1), skelebot.SkelebotError)):
            with self.subTest(result):
                done = driven({"build": result}, ephemeral=True)
                self.assertEqual([line for line in done.outline if line != "docker version"][-3:], self.UNDO)
                self.assertIsInstance(done.fault, fault)

    def test_removes_them_also_when_they_cannot_all_be_written(self):
        done = driven({(File, ".dockerignore"): skelebot.SkelebotError("full", "")}, ephemeral=True)
        self.assertEqual(done.outline[-3:], self.UNDO)

    def test_takes_only_its_block_out_of_a_dockerignore_that_is_not_its_own(self):
        done = driven({".dockerignore": b"mine\n\xff"}, ephemeral=True, ignores=["x"])
        self.assertEqual([step for step in done.steps if isinstance(step, Remove)][1:], [Remove("Dockerfile")])
        self.assertEqual(done.steps[-3], File(".dockerignore", b"mine\n\xff"))

    def test_keeps_a_dockerfile_that_was_written_by_hand(self):
        done = driven(ephemeral=True, dockerfile="Dockerfile")
        self.assertNotIn("Remove Dockerfile", done.outline)


class Image(PlanCase):

    def test_is_not_built_over_a_dockerfile_that_was_written_by_hand(self):
        done = driven({"Dockerfile": b"FROM python\n"})
        self.assertEqual(done.outline, [
            "Look src/train.py", "Read skelebot.yaml", "Read .dockerignore", "Read Dockerfile"])
        self.assertFault(done, "Dockerfile: was not written by skelebot, so it is not replaced",
                         "add the line dockerfile: Dockerfile to skelebot.yaml to build from it, or rename it")

    def test_is_built_over_the_dockerfile_of_an_earlier_release(self):
        done = driven({"Dockerfile": b"\n# This Dockerfile was generated by Skelebot\nFROM python\n"})
        self.assertIn("File Dockerfile", done.outline)

    def test_is_built_from_the_dockerfile_that_the_project_names(self):
        done = driven({"docker/own.dockerignore": ""}, dockerfile="docker/own", dependencies=["req:gone.txt"])
        self.assertEqual([line for line in done.outline[1:-1] if "Look" not in line], [
            "Read skelebot.yaml", "Read .dockerignore", "Read docker/own", "Hold .",
            "Read .dockerignore", "Scratch 0a1b", "File .dockerignore", BUILD.replace("Dockerfile", "docker/own"), "Remove /tmp/scratch", "Release"])

    def test_is_not_built_from_a_dockerfile_that_is_not_there(self):
        done = driven({"own": ""}, dockerfile="own")
        self.assertEqual(done.fault.message, "skelebot.yaml:1: dockerfile: 'own' does not exist")

    def test_that_was_not_built_is_a_fault_and_no_job_runs(self):
        done = driven({"build": Outcome(1)})
        self.assertEqual([step for step in done.outline if not step.startswith("Read ")][-3:],
                         ["docker version", "Remove /tmp/scratch", "Release"])
        self.assertFault(done, "the image was not built (docker build: exit status 1)",
                         "the lines above say which step failed; python:3.13-slim was not here, and comes from its registry")

    def test_that_was_not_built_anew_may_have_a_base_that_is_in_no_registry(self):
        done = driven({"build": Outcome(1)}, call=ADA._replace(rebuild=True))
        self.assertFault(done, "the image was not built (docker build: exit status 1)", "the lines above say which "
                         "step failed; --rebuild needs a base image that is in a registry")

    def test_that_no_engine_builds_is_a_fault_in_the_engines_words(self):
        done = driven({"build": Outcome(1), "version": Outcome(1, "", "Cannot connect to the Docker daemon.\n")},
                      host="ssh://box")
        self.assertFault(done, "no engine answers docker --host ssh://box: Cannot connect to the Docker daemon.",
                         "start Docker, name another host with -d, or run the job natively with -n")

    def test_gives_the_lock_back_however_it_ends(self):
        for result in (Outcome(), Outcome(1), KeyboardInterrupt()):
            done = driven({"build": result, skelebot.Hold: "lock"})
            self.assertEqual([step for step in done.steps if isinstance(step, Release)], [Release("lock")])

    def test_that_is_refused_leaves_no_mapped_folder_behind(self):
        keys = "name: x\n{}\njobs: [{{name: a, source: ls, mappings: [out/]}}]\n"
        for line, files in (("dependencies: [req:gone.txt]", {}), ("dockerfile: gone", {}),
                            ("", {"Dockerfile": "FROM python\n"}), ("", {})):
            with self.subTest(line, files=files), folder({"skelebot.yaml": keys.format(line), **files}) as path:
                ending = process("a", folder=path, SKELEBOT_DOCKER="false")
                self.assertEqual((ending.status, ending.stdout, len(ending.stderr.split("\n"))), (1, "", 3), ending)
                self.assertFalse(os.path.exists(os.path.join(path, "out")))


class BuildKit(unittest.TestCase):
    """DOCKER_BUILDKIT=1, which some command lines cannot do."""

    def built(self, results, engine="docker", **environ):
        it = project()
        steps = drive(plan_image(ADA._replace(environ=environ, engine=engine), it), results).steps
        return next(step.environ for step in steps if isinstance(step, Command) and "build" in step.argv)

    def test_is_turned_off_where_the_command_line_lacks_it(self):
        new = {"buildx": Outcome(1), "--version": Outcome(0, "Docker version 27.3.1, build ce1\n")}
        self.assertEqual(self.built(new, DOCKER_BUILDKIT="1"), {"DOCKER_BUILDKIT": "0"})

    def test_is_left_on_where_it_is_built_in_or_buildx_is_there(self):
        old = {"buildx": Outcome(1), "--version": Outcome(0, "Docker version 20.10.24+dfsg1, build 297\n")}
        self.assertEqual(self.built(old, DOCKER_BUILDKIT="1"), {})
        self.assertEqual(self.built({"buildx": Outcome(0)}, DOCKER_BUILDKIT="1"), {})

    def test_is_asked_about_once(self):
        for engine, environ, asked in (("docker", {}, 1), ("docker", {"DOCKER_BUILDKIT": "1"}, 2), ("podman", {}, 0)):
            done = drive(plan_image(ADA._replace(environ=environ, engine=engine), project()), {
                "--version": Outcome(0, "Docker version 20.10.24, build 297\n")})
            self.assertEqual(sum(step.argv[-1] in ("--version", "version") for step in done.steps
                                 if isinstance(step, Command)), asked)
            known = next((step for step in done.steps if isinstance(step, File) and "/builder-" in step.path), None)
            self.assertEqual(known and known.data, [None, b"legacy", b"buildkit"][asked])
            if known:
                done = drive(plan_image(ADA._replace(environ=environ), project()), {known.path: known.data})
                self.assertFalse([step for step in done.steps if getattr(step, "argv", ())[-1:] == ("--version",)])


class Chain(unittest.TestCase):
    def test_runs_one_after_the_other_until_one_fails(self):
        it = project(jobs=[{"name": name, "source": name + ".py"} for name in "abc"])
        plans = [plan_job(ADA._replace(native=True), it, job, Words()) for job in it.jobs]
        done = drive(plan_chain(plans), {"b.py": Outcome(3)})
        self.assertEqual(done.outline, ["Look a.py", "Read skelebot.yaml", "/usr/bin/python3 -u a.py", "Look b.py",
                                        "Read skelebot.yaml", "/usr/bin/python3 -u b.py"])
        self.assertEqual(done.status, 3)

    def test_ends_with_0_when_all_did(self):
        it = project()
        self.assertEqual(drive(plan_chain(plan_job(ADA, it, it.jobs[0], Words()) for _ in range(2))).status, 0)


class OnAnotherHost(PlanCase):
    MAPPED = {"host": "ssh://box", **one(mappings=["data/", "~/notes.txt:/n.txt:ro", "/srv/x"])}
    ENGINE = "docker --host ssh://box "
    LOOKS = {"/home/ada/notes.txt": "file", "data": "folder"}
    REMOVED = ENGINE + "rm --force --volumes churn-train-0a1b"

    def test_a_job_has_its_folders_copied_there_and_back(self):
        done = driven(self.LOOKS, **self.MAPPED)
        words = self.ENGINE + ("create --pull never --init --name churn-train-0a1b --label skelebot.project=churn"
                               " --label skelebot.job=train --interactive"
                               " --mount type=volume,target=/app/data/,volume-nocopy"
                               " --mount type=bind,source=/srv/x,target=/srv/x"
                               " churn python -u src/train.py")
        self.assertEqual(done.outline[done.outline.index("Release") + 1:], [
            "MakeFolder data", "MakeFolder /home/ada/notes.txt",
            "Look data", "Look /home/ada/notes.txt", words,
            "tar -c -f - -C data --transform 's|^[.]|data|' . | " + self.ENGINE + "cp - churn-train-0a1b:/app",
            "tar -c -h -f - -C /home/ada --transform 's|.*|n.txt|' notes.txt | " + self.ENGINE + "cp - churn-train-0a1b:/",
            self.ENGINE + "start --attach --interactive churn-train-0a1b",
            self.ENGINE + "cp churn-train-0a1b:/app/data/. data",
            self.REMOVED])
        self.assertIn("Note /srv/x is mapped from ssh://box, not from this machine", done.outline)

    def test_a_job_gives_its_status_and_its_files_also_when_it_fails(self):
        done = driven({**self.LOOKS, "start": Outcome(3)}, **self.MAPPED)
        self.assertEqual(done.status, 3)
        self.assertIn(self.ENGINE + "cp churn-train-0a1b:/app/data/. data", done.outline)

    def test_the_container_is_removed_also_after_a_failure_or_interruption(self):
        for word, result in (("create", Outcome(1)), ("cp", Outcome(1)), ("start", KeyboardInterrupt()),
                             ("cp", KeyboardInterrupt())):
            with self.subTest(word, result=result):
                done = driven({**self.LOOKS, word: result}, **self.MAPPED)
                self.assertIsNotNone(done.fault)
                self.assertEqual(done.outline[-1], self.REMOVED)

    def test_a_removal_that_a_signal_has_ended_as_well_is_done_again(self):
        removal = driven(self.LOOKS, **self.MAPPED).steps[-1]
        self.assertEqual(removal.line, self.REMOVED)
        self.assertEqual(removal.stop, (removal.argv, removal.argv))

    def test_folders_are_made_here_but_not_those_of_the_host(self):
        made = [line for line in driven(self.LOOKS, **self.MAPPED).outline if line.startswith("MakeFolder")]
        self.assertNotIn("MakeFolder /srv/x", made)
        self.assertIn("MakeFolder data", made)

    def test_a_job_without_folders_of_this_machine_is_just_run(self):
        done = driven(host="ssh://box", **one(mappings=["/srv/x"]))
        self.assertIn("Note /srv/x is mapped from ssh://box, not from this machine", done.outline)
        self.assertIn(" run --rm ", done.outline[-1])

    def test_a_detached_job_with_folders_of_this_machine_is_refused_before_the_build(self):
        done = driven(host="ssh://box", **one(mode="d", mappings=["data/"]))
        self.assertEqual(done.outline, ["Look src/train.py", "Read skelebot.yaml", "Look data", "Look data"])
        self.assertFault(done, "skelebot.yaml:1: jobs[0].mappings: a detached job on ssh://box cannot give data/ back",
                         "use mode: i, map it as :ro, or an absolute path of that machine")

    def test_a_host_may_be_named_by_the_environment_or_the_docker_context(self):
        keys = one(mappings=["data/"])
        done = driven({"data": "folder"}, ADA._replace(environ={"DOCKER_HOST": "tcp://box:1"}), **keys)
        self.assertIn("tar -c -f - -C data --transform 's|^[.]|data|' . | docker cp - churn-train-0a1b:/app", done.outline)
        asked = "docker context inspect --format '{{.Endpoints.docker.Host}}' -- far"
        for answer, ran in (("ssh://box\n", "start"), ("unix:///run/docker.sock\n", "run")):
            done = driven({"context": Outcome(0, answer)}, call=ADA._replace(context="far"), **keys)
            self.assertIn(asked, done.outline)
            self.assertTrue(any(line.startswith(f"docker {ran} ") for line in done.outline), done.outline)

    def test_the_container_stays_when_a_folder_could_not_be_copied_back_and_a_note_says_so(self):
        for ended, status in ((0, 1), (3, 3)):
            with self.subTest(ended):
                lost = {"churn-train-0a1b:/app/data/.": Outcome(1, "", "no space left\n"), "start": Outcome(ended)}
                done = driven({**self.LOOKS, **lost}, **self.MAPPED)
                self.assertEqual(done.status, status)
                self.assertEqual(done.outline[-2:], [
                    "Note data was not copied back: no space left",
                    f"Note the container churn-train-0a1b stays, for `docker cp`; {self.REMOVED} removes it"])
                self.assertNotIn(self.REMOVED, done.outline)

    def test_the_container_stays_also_when_the_copying_back_is_interrupted(self):
        results = {**self.LOOKS, "churn-train-0a1b:/app/data/.": KeyboardInterrupt()}
        done = driven(results, **self.MAPPED)
        self.assertIsInstance(done.fault, KeyboardInterrupt)
        self.assertNotIn(self.REMOVED, done.outline)

    def test_every_folder_is_tried_even_if_one_could_not_be_copied_back(self):
        lost = {"churn-train-0a1b:/app/a/.": Outcome(1), (Look, "a"): "folder", (Look, "b"): "folder"}
        done = driven(lost, host="ssh://box", **one(mappings=["a/", "b/"]))
        self.assertIn(self.ENGINE + "cp churn-train-0a1b:/app/b/. b", done.outline)


class Exec(PlanCase):
    SHELL = " 'if command -v bash > /dev/null; then exec bash; else exec sh; fi'"

    def executed(self, typed=None, extra=(), call=ADA, results=None, **keys):
        return drive(plan_exec(call, project(**keys), Words(typed or {}, extra)), results)

    def test_opens_a_shell_in_the_image(self):
        done = self.executed(call=ADA._replace(terminal=True))
        self.assertEqual(done.outline, [*IMAGE[1:], "docker run --rm --pull never --init --name churn-exec-0a1b"
                                        " --label skelebot.project=churn --label skelebot.job=exec --interactive --tty"
                                        " churn sh -c" + self.SHELL])

    def test_runs_the_words_after_the_dashes(self):
        self.assertEqual(self.executed(extra=("ls", "a b")).steps[-1].argv[-3:], ("churn", "ls", "a b"))

    def test_maps_the_project_with_m(self):
        argv = self.executed({"map": ("true",)}).steps[-1].argv
        self.assertEqual(argv[argv.index("--mount") + 1], "type=bind,source=/home/ada/churn,target=/app")

    def test_cannot_map_the_project_on_another_host(self):
        done = self.executed({"map": ("true",)}, host="ssh://box")
        self.assertFault(done, "-m cannot map this machine's folder on ssh://box",
                         "leave -m out: the image has a copy")

    def test_gives_the_status_of_the_shell(self):
        self.assertEqual(self.executed(results={"run": Outcome(42)}).status, 42)

    def test_takes_a_command_only_after_the_dashes(self):
        with folder({"skelebot.yaml": "name: churn\n"}) as path:
            self.assertEqual(call("exec", "ls", folder=path), (2, "", two_lines(
                "exec: cannot place 'ls'",
                "skelebot exec --help shows what it takes; words after -- are passed on")))
            ending = call("--dry-run", "-s", "exec", "--", "ls", folder=path)
            self.assertEqual((ending.status, ending.stdout.split()[-2:]), (0, ["churn", "ls"]))


class Prime(PlanCase):
    def test_writes_the_files_and_builds_also_with_skip_build(self):
        self.assertEqual(drive(plan_prime(ADA, project(), Words())).outline, PRIMED)
        self.assertEqual(drive(plan_prime(ADA._replace(skip_build=True), project(), Words())).outline, PRIMED)

    def test_saves_the_image_to_a_file(self):
        done = drive(plan_prime(ADA, project(), Words({"output": ("../my image.tar",)})), {"..": "folder"})
        self.assertEqual(done.outline[-2:], ["docker save --output '../my image.tar' churn",
                                             "Note saved the image churn to ../my image.tar"])

    def test_notes_that_an_image_in_the_project_is_sent_to_docker(self):
        done = drive(plan_prime(ADA, project(), Words({"output": ("churn.tar",)})), {".": "folder"})
        self.assertEqual(done.outline[-1], "Note churn.tar is in the project: every build sends it to Docker, "
                                           "unless it is among the ignores")

    def test_that_cannot_save_is_a_fault_in_the_engines_words(self):
        done = drive(plan_prime(ADA, project(), Words({"output": ("/x",)})),
                     {"/": "folder", "save": Outcome(1, "", "permission denied\n")})
        self.assertFault(done, "/x: the image was not saved: permission denied",
                         "name a file in a folder that you can write to")

    def test_is_refused_before_the_build_where_its_file_cannot_be(self):
        for output, there in (("gone/x.tar", {"gone": ""}), ("file/x.tar", {"file": "file"}),
                              ("data", {".": "folder", "data": "folder"})):
            with self.subTest(output):
                done = drive(plan_prime(ADA, project(), Words({"output": (output,)})), there)
                self.assertEqual({type(step) for step in done.steps}, {Look})
                self.assertFault(done, output + ": cannot be written", "name a file in a folder that exists")

    def test_is_refused_without_a_name_for_its_file(self):
        done = drive(plan_prime(ADA, project(), Words({"output": ("",)})))
        self.assertIsInstance(done.fault, skelebot.SkelebotError)
        self.assertEqual([step for step in done.steps if not isinstance(step, Look)], [])


class CodeArtifact(unittest.TestCase):
    maxDiff = None
    WORDS = "--domain acme --domain-owner 1234 --repository pypi --format pypi --package tools --package-version 2.1"
    ASSETS = json.dumps({"assets": [{"name": "tools-2.1.tar.gz"}, {"name": "tools-2.1-py3-none-any.whl"}]})

    def fetched(self, results, entry="ca_file:acme:1234:pypi:tools:2.1"):
        return drive(skelebot.plan_required_files(project(dependencies=[entry])), results)

    def test_is_fetched_by_the_aws_command_line(self):
        done = self.fetched({"list-package-version-assets": Outcome(0, self.ASSETS)},
                            "ca_file:acme:1234:pypi:tools:2.1:my work")
        words = self.WORDS + " --profile 'my work'"
        wheel = "tools-2.1-py3-none-any.whl"
        self.assertEqual(done.outline, [
            "Listing .skelebot/tools-2.1",
            f"aws codeartifact list-package-version-assets {words} --output json",
            "MakeFolder .skelebot", "Scratch .skelebot/tools-2.1", "MakeFolder /tmp/scratch/new",
            f"aws codeartifact get-package-version-asset {words} --asset {wheel} /tmp/scratch/new/{wheel}",
            "Move /tmp/scratch/new .skelebot/tools-2.1", "Remove /tmp/scratch"])
        self.assertEqual(list(done.status.values()), [(".skelebot/tools-2.1/" + wheel,)])

    def test_is_not_fetched_again(self):
        done = self.fetched({Listing: ["tools-2.1.tar.gz"]})
        self.assertEqual(done.outline, ["Listing .skelebot/tools-2.1"])
        self.assertEqual(list(done.status.values()), [(".skelebot/tools-2.1/tools-2.1.tar.gz",)])

    def test_cannot_lead_out_of_its_folder(self):
        assets = json.dumps({"assets": [{"name": "../../x.whl"}, {"name": "/etc/x.whl"}, {"name": "x.tar.gz"}]})
        done = self.fetched({"list-package-version-assets": Outcome(0, assets)})
        self.assertEqual(list(done.status.values()), [(".skelebot/tools-2.1/x.tar.gz",)])

    def test_that_is_not_given_is_a_fault_in_the_words_of_aws(self):
        done = self.fetched({"list-package-version-assets": Outcome(254, "", "\nAn error occurred (AccessDenied)\n")})
        self.assertEqual(done.fault.message, "aws codeartifact list-package-version-assets --domain ... failed:"
                                             " An error occurred (AccessDenied)")

    def test_answered_by_something_else_is_a_fault(self):
        for output in ("<html>", "[]", '{"assets": [{}]}', '{"assets": [{"name": 7}]}', '{"assets": null}',
                       '{"assets": []}'):
            with self.subTest(output):
                self.assertIsInstance(self.fetched({"list-package-version-assets": Outcome(0, output)}).fault,
                                      skelebot.SkelebotError)


HOSTILE = ["", " ", "a b", "it's", 'say "x"', "$HOME", "${HOME}", "$(id)", "`id`", ";", "*", "?", "a\nb", "-", "--",
           "-n", "--x=y",
           "\\", "\\n", "!", "#", "~", "{a,b}", "a|b", "a&b", ">x", "<x", "ü日本🌸", "%s", "\t", "A=b",
           "\x1b[2J", "\r", "a\r\n'\x7f", "\x9b", "\u202e"]

# What --dry-run is asked about: the project's keys, the words, fields of the Call
DRY_RUNS = [
    ({}, Words(), {}),
    (one("a b/it's.py", mappings=["my data/", 'a"b,c/', "-x/", "~/x:/y"]), Words(extra=tuple(HOSTILE)), {}),
    (one(mode="d", environment={"A": "it's $HOME", "B": None}), Words(), {}),
    (one("make all; echo \"it's\" | cat"), Words(extra=tuple(HOSTILE)), {}),
    (one("make all; echo \"it's\" | cat", environment={"A-b": "$(id)"}), Words(extra=tuple(HOSTILE)), {"native": True}),
    (one("x.py $Q", params=[{"name": "p", "default": "it's ${HOME} `id`"}]), Words(extra=("'",)), {}),
    ({"name": "It's (mine)", "description": "'; id #", "ignores": ["it's", "$x"], "user": "host", "gpu": True},
     Words(), {}),
    ({"ephemeral": True, "commands": ["echo 'a' \"b\"", "a\nb"], "copy": ["it's:/x y"]}, Words(), {}),
    ({"host": "ssh://box", **one(mappings=["it's/"])}, Words(), {}),
    ({"dependencies": ["ca_file:acme:1:pypi:tools:2.1:it's"]}, Words(), {"environ": {"DOCKER_BUILDKIT": "1"}}),
    ({}, Words(), {"engine": "podman", "host": "ssh://it's"}),
]


def sh(script, path=".", *words, **environ):
    """What a real shell makes of a script: (status, stdout)."""
    ended = subprocess.run(["sh", *words], input=script.encode("utf-8", "surrogateescape"), cwd=path,
                           stdout=subprocess.PIPE,
                           env={**os.environ, **environ})
    return ended.returncode, ended.stdout


@unittest.skipIf(os.name == "nt", "lines for a POSIX shell")
class DryRun(unittest.TestCase):
    maxDiff = None
    PY = "import json, sys; print(json.dumps(sys.argv[1:]))"
    SH = "for word; do printf '<%s>' \"$word\"; done; printf '<%s>' \"$A\""

    def test_prints_lines_that_a_shell_accepts(self):
        for keys, words, changes in DRY_RUNS:
            files = {"src/train.py": "", "a b/it's.py": "", "x.py": ""}
            with self.subTest(keys, **changes), inside(files):
                it = project(**keys)
                lines = shown(plan_job(ADA._replace(dry_run=True, **changes), it, it.jobs[0], words), **changes)
                self.assertTrue(lines)
                self.assertEqual(sh(lines, ".", "-n"), (0, b""))

    def test_does_nothing(self):
        with inside({"src/train.py": ""}) as path:
            it = project(ephemeral=True, **one(mappings=["data/"]))
            shown(plan_job(ADA._replace(dry_run=True), it, it.jobs[0], Words()))
            self.assertEqual(sorted(contents(path)), ["src/", "src/train.py"])

    def test_of_an_image_writes_the_same_files_when_it_is_pasted(self):
        it = project(description="it's \"$5\" \\n %s\n", ignores=["it's", "-n", "\\"], commands=["a\\b", "x\ny"])
        for present in ({}, {".dockerignore": "mine"}, {".dockerignore": b"\xe9\n"}):
            with self.subTest(present), inside(present) as real, folder(present) as pasted:
                steps = drive(skelebot.Image(skelebot.Engine(ADA), it).plan_build(), {
                    Read: None, ".dockerignore": skelebot.read_bytes(".dockerignore")}).status.writes
                lines = [step.line for step in steps]
                for step in steps:
                    skelebot.write(step)
                self.assertEqual(sh("\n".join(lines), pasted), (0, b""))
                self.assertEqual(contents(pasted), contents(real))

    def test_natively_does_what_skelebot_does_when_it_is_pasted(self):
        keys = ("name: x\nenvironment: {A: \"it's $HOME\"}\njobs:\n- {name: py, source: show.py $A}\n"
                "- {name: sh, source: my show.sh}\n- {name: line, source: 'printf \"<%s>\" \"$A\"'}\n")
        with folder({"skelebot.yaml": keys.replace("my show.sh", "\"'my show.sh'\""), "show.py": self.PY,
                     "my show.sh": self.SH}) as path:
            for job in ("py", "sh", "line"):
                with self.subTest(job):
                    done = process("-n", job, "--", *HOSTILE, folder=path)
                    lines = process("-n", "--dry-run", job, "--", *HOSTILE, folder=path)
                    self.assertEqual((done.status, lines.status), (0, 0))
                    self.assertEqual(sh(lines.stdout, "/"), (0, done.stdout.encode()))

    def test_natively_gives_every_word_byte_for_byte(self):
        with folder({"skelebot.yaml": "name: x\njobs:\n- {name: py, source: show.py}\n", "show.py": self.PY}) as path:
            done = process("-n", "py", "--", *HOSTILE, folder=path)
            self.assertEqual(json.loads(done.stdout), HOSTILE)

    def test_of_a_new_project_makes_the_same_one_when_it_is_pasted(self):
        for template in ("default", "iris"):
            words = ("scaffold", "new one", "--yes", "--template", template, "--name", "it's", "--maintainer", "A",
                     "--contact", "B")
            command = {"skelebot": f"#!/bin/sh\nexec '{sys.executable}' '{ROOT}/skelebot.py' \"$@\"\n"}
            with self.subTest(template), folder({}) as real, folder({}) as pasted, folder(command) as programs:
                os.chmod(os.path.join(programs, "skelebot"), 0o755)
                process(*words, folder=real)
                lines = process("--dry-run", *words, folder=pasted)
                self.assertEqual((lines.status, contents(pasted)), (0, {}))
                self.assertEqual(sh(lines.stdout, pasted, PATH=programs + os.pathsep + os.environ["PATH"])[0], 0)
                self.assertEqual(contents(pasted), contents(real))

    def test_shows_a_name_as_the_answer_does(self):
        for name in ("a", "-n", "a\\nb", "it's"):
            self.assertEqual(sh(skelebot.Answer(name).line), (0, name.encode() + b"\n"))

    def test_of_a_packed_folder_packs_the_same_when_it_is_pasted(self):
        with inside({"real/a.txt": "a"}):
            os.symlink("real", "data")
            for source, name in (("real", "real"), ("real", "in"), ("data", "data"), ("data", "in")):
                with self.subTest(source=source, name=name):
                    step = Command(("tar", "-t", "-f", "-"), kept=True, packed=(source, name))
                    self.assertEqual(sh(step.line), (0, skelebot.run_program(step).output.encode()))

    def test_asks_what_only_looks_so_that_it_shows_the_real_command(self):
        it = project(user="host")
        for answer, user in (("[name=rootless]", False), ("[name=seccomp]", True)):
            with self.subTest(answer), inside({"src/train.py": "", "engine": f"#!/bin/sh\n[ $1 != info ] || echo '{answer}'\n"}) as path:
                os.chmod("engine", 0o755)
                changes = {"engine": os.path.join(path, "engine"), "skip_build": True}
                lines = shown(plan_job(ADA._replace(dry_run=True, **changes), it, it.jobs[0], Words()))
                self.assertEqual((lines.count("\n"), " --user 1000:100 " in lines), (1, user), lines)

    def test_goes_on_without_an_engine(self):
        text = "name: x\nuser: host\njobs: [{name: a, source: ls, mappings: [out/]}]\n"
        with folder({"skelebot.yaml": text}) as path:
            ending = process("--dry-run", "a", folder=path, SKELEBOT_DOCKER="no-such-engine", DOCKER_BUILDKIT="1")
            self.assertEqual((ending.status, ending.stderr), (0, ""))
            self.assertIn("\nno-such-engine run --rm ", ending.stdout)
            self.assertEqual(sorted(contents(path)), ["skelebot.yaml"])


@unittest.skipIf(os.name == "nt", "locales of Linux and macOS")
class Locale(unittest.TestCase):
    """A job means the same in the locale C, where Python 3.6 takes every text for ASCII."""
    KEYS = """\
name: x
description: Größe 日本
jobs:
- name: py
  source: Größe.py
  args: [{name: a, choices: [ü, ö]}]
  params: [{name: p, default: ß}]
- {name: line, source: 'printf "%s " 日本 "$A"', help: 日本 →, environment: {A: ä}}
"""

    def ended(self, path, *words):
        return process(*words, folder=path, LC_ALL="C", PYTHONIOENCODING="")

    def test_words_and_defaults_arrive_byte_for_byte(self):
        show = "import os, sys\nprint([os.fsencode(word) for word in sys.argv[1:]])\n"
        with folder({"skelebot.yaml": self.KEYS, "Größe.py": show}) as path:
            ending = self.ended(path, "-n", "py", "ü", "--", "日本", "\udcff")
            words = [word.encode("utf-8", "surrogateescape") for word in ("ü", "-p", "ß", "日本", "\udcff")]
            self.assertEqual(ending, (0, f"{words}\n", ""))

    def test_lines_of_a_dry_run_do_the_same_when_they_are_pasted(self):
        with folder({"skelebot.yaml": self.KEYS}) as path:
            ending = self.ended(path, "-n", "line")
            lines = self.ended(path, "-n", "--dry-run", "line")
            self.assertEqual((ending.status, ending.stdout.startswith("日本")), (0, True), ending)
            self.assertEqual(sh(lines.stdout, path), (0, ending.stdout.encode()))

    def test_pages_say_the_same(self):
        with folder({"skelebot.yaml": self.KEYS}) as path:
            for words in ("--help",), ("line", "--help"):
                ending = self.ended(path, *words)
                self.assertEqual((ending.status, ending.stderr), (0, ""))
                self.assertIn("日本", ending.stdout)


if __name__ == "__main__":
    unittest.main()
