"""script/server and script/busbar: what they refuse and how they say it, and that they start, watch
and stop their private PostgreSQL. They run from a copy, so that nothing of the checkout is touched.
"""
import os
import re
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

import support
from support import clean_environment, end, eventually, private_folder, spawn

SCRIPTS = support.HERE.parents[1] / "script"


def is_alive(process):
    """Whether a process of this number runs: one that has ended but is not fetched does not."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class ServerScript(unittest.TestCase):
    def setUp(self):
        self.folder = private_folder("script")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # The user whom PostgreSQL runs as has to pass.
        self.folder.chmod(0o711)
        shutil.copytree(SCRIPTS, self.folder / "script")
        self.data = self.folder / "var"
        self.log = self.folder / "stderr.log"
        self.addCleanup(self.end_postmaster)

    def end_postmaster(self):
        """What a test that failed has left running."""
        process = self.postmaster()
        if process and process != os.getpid() and is_alive(process):
            os.kill(process, signal.SIGQUIT)
            eventually(lambda: not is_alive(process), 20, "PostgreSQL has ended")

    def environment(self, **settings):
        return clean_environment(**{
            "BUSBAR_DATA_DIR": self.data, "BUSBAR_OCPP_ADDRESS": "127.0.0.1",
            "BUSBAR_OCPP_PORT": 0, "BUSBAR_WEB_HTTP_PORT": 0, "BUSBAR_FILES_ADDRESS": "127.0.0.1",
            "BUSBAR_FILES_PORT": 0, "BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS": "63,63,63", **settings})

    def run_script(self, name, *arguments, **settings):
        return subprocess.run([self.folder / "script" / name, *map(str, arguments)], cwd="/",
                              env=self.environment(**settings), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)

    def refused(self, *arguments, **settings):
        """One sentence, and nothing was started."""
        done = self.run_script("server", "--program", support.program, *arguments, **settings)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertFalse((self.data / "postgres").exists() and not self.log.exists())
        return done.stderr

    def start(self, *arguments, **settings):
        with open(self.log, "ab") as log:
            begin = log.tell()
            script = spawn([self.folder / "script" / "server", "--program", support.program,
                            *arguments], end_signal=signal.SIGTERM, cwd="/", stdout=log, stderr=log,
                           env=self.environment(**settings), stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: end(script, signal.SIGTERM, 30))

        def listens():
            self.assertIsNone(script.poll(), self.log.read_text())
            return "listening web" in self.log.read_text()[begin:]
        eventually(listens, 60, "the server listens")
        return script

    def postmaster(self):
        try:
            return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return None

    def test_a_directory_is_no_configuration(self):
        self.assertIn("check that it is a file", self.refused("--config", self.folder))
        done = subprocess.run([support.program, "serve", "--print-config"], cwd="/",
                              env=self.environment(BUSBAR_CONFIG=self.folder),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("cannot be read", done.stderr)

    def test_problems_are_told_before_anything_is_started(self):
        self.assertIn("BUSBAR_OCPP_PROT", self.refused(BUSBAR_OCPP_PROT=1))
        self.assertIn("must be 127.0.0.1", self.refused(BUSBAR_WEB_HTTP_ADDRESS="0.0.0.0"))
        self.assertIn("are both 9123", self.refused(BUSBAR_OCPP_PORT=9123,
                                                    BUSBAR_WEB_HTTP_PORT=9123))
        self.assertIn("cannot write to the data directory '/proc'",
                      self.refused(BUSBAR_DATA_DIR="/proc"))
        self.assertIn("cannot make the data directory",
                      self.refused(BUSBAR_DATA_DIR="/proc/not-there"))

    def test_an_old_postgresql(self):
        file = self.folder / "script" / "lib" / "postgres.sh"
        text = file.read_text()
        self.assertIn("pg_major_min=15", text)
        file.write_text(text.replace("pg_major_min=15", "pg_major_min=99"))
        self.assertIn("PostgreSQL 99 or newer is not installed", self.refused())

    def test_a_life(self):
        script = self.start()
        self.assertIn("another server (process", self.refused())
        for command in (("badge", "list"), ("group", "list"), ("audit",)):
            done = self.run_script("busbar", *command)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")

        # The postmaster dies: it is started again.
        first = self.postmaster()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: self.postmaster() not in (None, first) and
                   self.run_script("busbar", "badge", "list").returncode == 0, 30,
                   "PostgreSQL is running again")
        self.assertIsNone(script.poll())
        self.assertIn("has ended: starting it again", self.log.read_text())

        script.send_signal(signal.SIGTERM)
        second = self.postmaster()
        self.assertEqual(script.wait(30), 0, self.log.read_text())
        self.assertFalse(is_alive(second))
        done = self.run_script("busbar", "badge", "list")
        self.assertIn("script/server is not running", done.stderr)

        # The number in what a crash left behind belongs to somebody else by now: to this test.
        stale = self.data / "postgres" / "postmaster.pid"
        stale.write_text(f"{os.getpid()}\n{self.data}/postgres\n1\n5432\n/nowhere\n\n  1 1\n")
        script = self.start()
        self.assertNotEqual(self.postmaster(), os.getpid())

        # The server is killed: told in one line, and PostgreSQL stops.
        third = self.postmaster()
        server = int((self.data / ".lock").read_text())
        os.kill(server, signal.SIGKILL)
        self.assertEqual(script.wait(30), 137)
        self.assertFalse(is_alive(third))
        text = self.log.read_text()
        self.assertIn("The server was killed.", text)
        self.assertIsNone(re.search(r"line \d+:", text), text)


    def test_a_demonstration_is_found(self):
        self.data = self.folder / "var" / "demo"
        script = self.start("--demo", BUSBAR_DATA_DIR=None)
        done = self.run_script("busbar", "badge", "list", BUSBAR_DATA_DIR=None)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("active", done.stdout)
        script.send_signal(signal.SIGTERM)
        self.assertEqual(script.wait(30), 0)
        done = self.run_script("busbar", "badge", "list", BUSBAR_DATA_DIR=None)
        self.assertIn(f"script/server is not running on '{self.folder}/var'", done.stderr)


class WrongWords(unittest.TestCase):
    def refused(self, *arguments, text_in=""):
        done = subprocess.run([support.program, *arguments], env=clean_environment(), cwd="/",
                              input=text_in, capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_is_not_known_is_named(self):
        self.assertIn("'frob'", self.refused("frob"))
        self.assertIn("'frob'", self.refused("badge", "frob"))

    def test_a_plan_from_standard_input(self):
        self.assertTrue(self.refused("plan", "-", text_in="{").startswith(
            "busbar: standard input: is not valid JSON"))


if __name__ == "__main__":
    support.main()
