"""What the integration tests share: a PostgreSQL cluster and Busbar servers of their own, the
command line, REST, and how a test waits and reports.

Nothing is left behind: all processes are ended by their number, and if the test itself is killed,
the kernel ends them.
"""
import atexit
import ctypes
import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEM_PYTHON = "/usr/bin/python3"  # the one with Debian's modules
STDERR_LINES_SHOWN = 60

program = None  # the path of the built program, from the command line

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def main():
    """The body of every test file: `python3 FILE PROGRAM [unittest arguments]`."""
    global program
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {sys.argv[0]} PROGRAM [unittest arguments]")
    path = Path(sys.argv.pop(1)).resolve()
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not an executable: build the target busbar first")
    program = str(path)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(module="__main__", verbosity=2)


def eventually(condition, seconds, what):
    """Waits until the condition is true and returns what it returned; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def say(text):
    print(text, file=sys.stderr, flush=True)


def private_folder(name):
    """A new folder with a short path: the name of a unix socket has 107 bytes at most."""
    place = tempfile.gettempdir()
    place = place if len(place) < 50 else "/tmp"
    return Path(tempfile.mkdtemp(prefix=f"busbar-{name}-", dir=place))


def clean_environment(**settings):
    """This process' environment without whatever steers Busbar or PostgreSQL, plus `settings`."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("BUSBAR_", "PG"))}
    return {**kept, **{name: str(value) for name, value in settings.items() if value is not None}}


def spawn(arguments, end_signal=signal.SIGKILL, **options):
    """A child process that gets `end_signal` when this thread ends: call it from the main one."""
    def die_with_parent():
        _libc.prctl(PR_SET_PDEATHSIG, int(end_signal))
    words = [str(each) for each in arguments]
    return subprocess.Popen(words, preexec_fn=die_with_parent, **options)


def end(process, number=signal.SIGKILL, seconds=20):
    """Ends a child; SIGKILL if the signal does not do it in time."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def descendants(pid):
    """The numbers of all processes below this one."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


class Cluster:
    """A PostgreSQL server of this test's own, reached by a unix socket in a private folder."""

    def __init__(self):
        self.programs = self._programs()
        self.folder = private_folder("pg")
        self.log = self.folder / "server.log"
        self.process = None
        self.numbers = itertools.count(1)
        self.emptied = None
        self.identity = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            account = pwd.getpwnam("postgres")
            self.identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", "-U", "busbar", "-A", "trust",
             "--no-sync", "--no-locale", "-E", "UTF8", "--wal-segsize=4"],
            cwd="/", env=clean_environment(HOME="/"), capture_output=True, text=True,
            **self.identity)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")
        self.start()

    @staticmethod
    def _programs():
        majors = sorted(int(path.parts[-3]) for path in
                        Path("/usr/lib/postgresql").glob("*/bin/postgres")
                        if path.parts[-3].isdigit() and int(path.parts[-3]) >= 15)
        if not majors:
            raise RuntimeError("PostgreSQL 15 or newer is not installed: run script/bootstrap")
        return Path("/usr/lib/postgresql", str(majors[0]), "bin")

    def start(self):
        with open(self.log, "ab") as log:
            self.process = spawn(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder,
                 "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", "fsync=on",
                 "-c", "synchronous_commit=on", "-c", "shared_buffers=32MB",
                 "-c", "max_wal_size=128MB"],
                end_signal=signal.SIGQUIT, cwd="/", env=clean_environment(HOME="/"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.identity)
        eventually(self._answers, 60, f"PostgreSQL answers; its log: {self.log}")

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {self.log.read_text()[-2000:]}")
        return self._psql("postgres", "SELECT 1").returncode == 0

    def stop(self):
        """Fast shutdown: connections are cut, everything is written."""
        end(self.process, signal.SIGINT)

    def freeze(self):
        """Stops all processes without ending them: connections stay, answers do not come."""
        self.process.send_signal(signal.SIGSTOP)
        for pid in descendants(self.process.pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in descendants(self.process.pid):
            os.kill(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            end(self.process, signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database):
        return f"postgresql:///{database}?host={self.folder}&user=busbar"

    def new_database(self):
        name = f"test{next(self.numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def empty_database(self):
        """The same database again, emptied: faster than a new one of a thousand files."""
        if self.emptied is None:
            self.emptied = self.new_database()
        self.execute("postgres", "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                                 f"WHERE datname = '{self.emptied}'")
        self.execute(self.emptied, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return self.emptied

    def _psql(self, database, statement):
        return subprocess.run(
            [self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
             self.folder, "-U", "busbar", "-d", database, "-c", statement],
            cwd="/", env=clean_environment(PGTZ="UTC", PGOPTIONS="-c statement_timeout=30s"),
            capture_output=True, text=True)

    def execute(self, database, statement):
        done = self._psql(database, statement)
        if done.returncode != 0:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return done.stdout.strip()

    def query(self, database, select):
        """The rows of a SELECT as dictionaries."""
        return json.loads(self.execute(
            database, f"SELECT coalesce(json_agg(row_to_json(q)), '[]') FROM ({select}) AS q"))


_cluster = None


def shared_cluster():
    """The cluster of this test file, made on first use and removed at exit."""
    global _cluster
    if _cluster is None:
        _cluster = Cluster()
        atexit.register(_cluster.remove)
    return _cluster


class Busbar:
    """The built program with a data directory, ports and a database of its own."""

    def __init__(self, folder, url, **settings):
        self.folder = folder
        self.stderr_path = folder / "stderr.log"
        self.stdout_path = folder / "stdout.log"
        self.process = None
        self.ocpp_port = self.web_port = None
        self.environment = clean_environment(**{
            "BUSBAR_DATABASE_URL": url, "BUSBAR_DATA_DIR": folder / "data",
            "BUSBAR_OCPP_ADDRESS": "127.0.0.1", "BUSBAR_OCPP_PORT": 0, "BUSBAR_WEB_HTTP_PORT": 0,
            "BUSBAR_FILES_ADDRESS": "127.0.0.1", "BUSBAR_FILES_PORT": 0,
            "BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS": "63,63,63", **settings})

    def launch(self, *arguments):
        """Starts `busbar serve`; does not wait for anything."""
        self.stdout_path.write_bytes(b"")
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self.process = spawn([program, "serve", *arguments], cwd=self.folder, stdout=out,
                                 stderr=err, stdin=subprocess.DEVNULL, env=self.environment)
        return self

    def start(self, *arguments, seconds=30):
        """Starts `busbar serve` and waits until it listens."""
        self.launch(*arguments)
        eventually(self._listens, seconds, "busbar prints what it listens on")
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"busbar serve ended with {self.process.returncode}: "
                                 f"{self.stderr()[-3000:]}")
        found = {}
        for line in self.stdout_path.read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "listening":
                found[words[1]] = int(words[2].rpartition(":")[2].strip("/"))
        self.ocpp_port, self.web_port = found.get("ocpp"), found.get("web")
        return self.ocpp_port and self.web_port

    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        end(self.process, signal.SIGKILL)

    def stop(self, seconds=15):
        """SIGTERM; the exit code. None and a SIGKILL if it does not end in time."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return None
        return self.process.returncode

    def command(self, *arguments, text_in=None, check=True):
        """Runs another command of the program beside the server."""
        done = subprocess.run([program, *arguments], cwd=self.folder, env=self.environment,
                              input=text_in, capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"busbar {' '.join(arguments)}: {done.stderr}")
        return done

    def token(self, role="admin"):
        done = self.command("token", "create", "--name", role, "--role", role, "--json")
        return json.loads(done.stdout.splitlines()[-1])["secret"]

    def rest(self, method, path, body=None, token=None, seconds=40, raw=None):
        """A request to the REST interface: (status, body as JSON or text, headers)."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.web_port}{path}", data=data,
                                         method=method, headers=headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=seconds) as answer:
                status, content, fields = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as answer:
            with answer:
                status, content, fields = answer.code, answer.read(), answer.headers
        text = content.decode()
        is_json = "json" in fields.get("Content-Type", "") and text
        return status, json.loads(text) if is_json else text, fields

    def ready(self):
        """Whether /readyz says so, and what it says."""
        status, body, _ = self.rest("GET", "/readyz", seconds=15)
        return status == 200, status, body


class IntegrationTest(unittest.TestCase):
    """A test with a folder and an empty database; shows what the servers wrote when it fails."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster()

    def setUp(self):
        self.folder = private_folder("test")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.database = self.cluster.empty_database()
        self.servers = []

    def make_server(self, **settings):
        """A server that is not started yet."""
        folder = self.folder / f"server{len(self.servers) + 1}"
        folder.mkdir()
        server = Busbar(folder, self.cluster.url(self.database), **settings)
        self.servers.append(server)
        self.addCleanup(lambda: server.process and end(server.process, signal.SIGTERM, 10))
        return server

    def start_server(self, *arguments, **settings):
        return self.make_server(**settings).start(*arguments)

    def query(self, select):
        return self.cluster.query(self.database, select)

    def execute(self, statement):
        return self.cluster.execute(self.database, statement)

    def doCleanups(self):
        # The last moment at which the folders are still there.
        outcome = getattr(self, "_outcome", None)
        if outcome is not None and not outcome.success:
            self._show_servers()
        return super().doCleanups()

    def _show_servers(self):
        for number, server in enumerate(getattr(self, "servers", []), 1):
            lines = server.stderr().splitlines()[-STDERR_LINES_SHOWN:]
            state = "not started" if server.process is None else server.process.poll()
            say(f"\n--- {self.id()}: server {number} (exit code: {state}), end of its stderr")
            say("\n".join(lines))
        say(f"--- end of the log of PostgreSQL\n{self.cluster.log.read_text()[-1500:]}")
