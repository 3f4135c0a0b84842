"""Three Ray nodes on one machine, each as far apart from the others as this machine allows.

As root on Linux every node has a network namespace of its own, and a virtual switch joins them: addresses, ports
and the loss of a node are as on three machines. Elsewhere the nodes share the network and differ by ports. They
always share the disk. Token authentication is on, with a token made for the run.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "weaklabel-"
SUBNET = "10.213.77"
PORT = 6379


class Cluster:
    """`with Cluster(3) as cluster:` starts the nodes; whatever happens then, nothing of them stays behind."""

    def __init__(self, nodes: int, *, isolated: bool, cpus: int = 1) -> None:
        self.nodes, self.isolated, self.cpus = nodes, isolated, cpus
        self.mark = f"{PREFIX}{os.getpid()}"
        # Short, because Ray keeps its sockets there, and the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="wl3-"))
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DISABLE_IMPORT_WARNING": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH")))),
        }

    def __enter__(self) -> Cluster:
        # A plain `kill` of the script shall clean up too; nothing can after SIGKILL, but the next run does.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        _remove_namespaces(only_of_the_dead=True)
        try:
            if self.isolated:
                self._wire()
            for node in range(1, self.nodes + 1):
                self._start(node)
            self._wait_for_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in range(1, self.nodes + 1):
            self.kill(node)
        _remove_namespaces(only_of_the_dead=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"{SUBNET}.1:{PORT}" if self.isolated else f"{_own_address()}:{PORT}"

    def command(self, node: int, *words: str) -> tuple[list[str], dict[str, str]]:
        """The words and the environment with which `words` runs on a node."""
        inside = ["ip", "netns", "exec", f"{self.mark}-{node}"] if self.isolated else []
        return [*inside, *words], {**self.environment, "WEAKLABEL_NODE": f"{self.mark}-{node}"}

    def processes(self, node: int) -> dict[int, str]:
        """Every process of a node, Ray's and those that it started: process id to command line."""
        wanted = f"WEAKLABEL_NODE={self.mark}-{node}".encode()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it ended, or is not ours
                continue
        return found

    def working(self, node: int) -> int:
        """How many of a node's processes are in the middle of a task of ours."""
        ours = [pid for pid, line in self.processes(node).items() if "weaklabel.engine.worker" in line]
        states = [_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1] for pid in ours]
        return states.count(["R"])

    def kill(self, node: int) -> dict[int, str]:
        """SIGKILL to every process of a node, until none is left; those it hit first."""
        first = self.processes(node)
        left = first
        while left:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            left = self.processes(node)
        return first

    def unplug(self, node: int) -> None:
        """Pull a node's cable: it goes on working, and no one hears of it. Only where it has a cable."""
        _ip("-n", f"{self.mark}-switch", "link", "set", f"port{node}", "down")

    def _wire(self) -> None:
        switch = f"{self.mark}-switch"
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for node in range(1, self.nodes + 1):
            here = f"{self.mark}-{node}"
            _ip("netns", "add", here)
            _ip("-n", here, "link", "set", "lo", "up")
            ends = ("type", "veth", "peer", "name", f"port{node}", "netns", switch)
            _ip("-n", here, "link", "add", "cable", *ends)
            _ip("-n", here, "address", "add", f"{SUBNET}.{node}/24", "dev", "cable")
            _ip("-n", here, "link", "set", "cable", "up")
            _ip("-n", switch, "link", "set", f"port{node}", "master", "bridge", "up")

    def _start(self, node: int) -> None:
        options = [f"--num-cpus={self.cpus}", "--object-store-memory=80000000", "--disable-usage-stats"]
        if node == 1:
            options += ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={self.folder}"]
        else:
            options += [f"--address={self.address}"]
        if self.isolated:
            options += [f"--node-ip-address={SUBNET}.{node}"]
        else:
            # On one network each node needs ports of its own for its workers and its agents.
            first = 20000 + 1000 * node
            options += [f"--min-worker-port={first}", f"--max-worker-port={first + 900}"]
            options += [f"--dashboard-agent-listen-port={first + 950}"]
            options += [] if node == 1 else [f"--node-ip-address=127.0.0.{node}"]
        words, environment = self.command(
            node, sys.executable, "-m", "ray.scripts.scripts", "start", *options
        )
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise SystemExit(f"node {node} did not start:\n{done.stdout}{done.stderr}")

    def _wait_for_all(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.alive() == self.nodes:
                return
            time.sleep(1)
        raise SystemExit(f"only {self.alive()} of {self.nodes} nodes joined within two minutes.")

    def alive(self) -> int:
        """How many nodes Ray itself believes to be alive."""
        code = (
            "import ray, logging; "
            f"ray.init({self.address!r}, logging_level=logging.ERROR, log_to_driver=False); "
            "print(sum(node['Alive'] for node in ray.nodes()))"
        )
        words, environment = self.command(1, sys.executable, "-c", code)
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return int(done.stdout.split()[-1]) if done.returncode == 0 else 0


def namespaces_work() -> bool:
    """Whether this process may make network namespaces."""
    if os.name != "posix" or os.geteuid() or not shutil.which("ip"):
        return False
    probe = f"{PREFIX}{os.getpid()}-probe"
    done = subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False)
    if done.returncode:
        return False
    _ip("netns", "delete", probe)
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _remove_namespaces(*, only_of_the_dead: bool) -> None:
    """Delete the namespaces of this process, or those that killed runs left; cables and switch go with them."""
    if not shutil.which("ip"):
        return
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)):
        owner = int(name.removeprefix(PREFIX).partition("-")[0])
        if Path(f"/proc/{owner}").exists() if only_of_the_dead else owner != os.getpid():
            continue
        inside = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
        for pid in inside.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _own_address() -> str:
    import ray.util

    return ray.util.get_node_ip_address()
