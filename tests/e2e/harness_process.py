"""Background processes of a test: started, watched, stopped or killed, and judged at the end.

A process's stdout and stderr go to one log file. finish() stops what still runs and names every
reason why a test with this process must not pass: it would not stop, it died of a signal that
nobody sent, or a sanitizer spoke up in its log.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

SANITIZER = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:"
    r"|definitely lost: [1-9]|ERROR SUMMARY: [1-9]"
)


def patience():
    """By how much a slow build (a sanitizer, valgrind) stretches every bound."""
    return float(os.environ.get("WEIR_TEST_PATIENCE", "1"))


def wait_until(predicate, seconds, what):
    """The predicate's first true value; exceptions count as not yet, and the last is reported."""
    deadline, pause = time.monotonic() + seconds * patience(), 0.02
    while True:
        try:
            last = predicate()
            if last:
                return last
        except Exception as error:  # a service that is down right now is a reason to wait
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * patience():g} s: {what}; last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.2)


def complaints(title, text):
    """What a sanitizer said in a text, as a list of at most one fault."""
    match = SANITIZER.search(text)
    return [f"{title}: {text[match.start():][:4000]}"] if match else []


class Process:
    def __init__(self, command, log, directory, environment):
        self.log_file = Path(log)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.title = self.log_file.stem
        self._sent = set()
        if "kill" in environment.get("WEIR_FAILPOINT", ""):
            self._sent.add(signal.SIGKILL)  # by itself, as told
        with self.log_file.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._child.pid

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    @property
    def alive(self):
        return self._child.poll() is None

    def wait(self, seconds=60):
        """Waits for it to end by itself; its exit code, negative for a signal."""
        try:
            return self._child.wait(seconds * patience())
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.title} still runs after {seconds} s; log:\n{self.tail()}")

    def wait_for_log(self, text, seconds=30):
        def said():
            return text in self.log or not self.alive

        wait_until(said, seconds, f"{self.title} logs {text!r}")
        assert text in self.log, f"{self.title} ended without logging {text!r}:\n{self.tail()}"

    def send(self, number):
        self._sent.add(number)
        if self.alive:
            self._child.send_signal(number)

    def stop(self, seconds=30):
        """SIGTERM; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        self.send(signal.SIGKILL)
        return self.wait()

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def peak_memory(self):
        """Peak resident bytes so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    def tail(self, lines=40):
        return "\n".join(self.log.splitlines()[-lines:])

    def finish(self):
        """Stops what still runs; returns the faults found."""
        found = []
        if self.alive:
            self.resume()
            try:
                self.stop()
            except AssertionError:
                self.kill()
                found.append(f"{self.title} did not stop on SIGTERM:\n{self.tail()}")
        code = self._child.returncode
        if code < 0 and -code not in self._sent:
            found.append(f"{self.title} died of {signal.Signals(-code).name}:\n{self.tail()}")
        return found + complaints(self.title, self.log)
