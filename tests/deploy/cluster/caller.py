"""What stands for `kubectl` in a shell: `caller.py SOCKET KUBECTL WORDS…`. It runs on Python alone.

The real program is asked first, with an API server that is not there: it must get as far as asking it.
"""

import json
import os
import socket
import subprocess
import sys

NOBODY = ["--server=https://127.0.0.1:1", "--token=none", "--request-timeout=2s"]
LOCAL = "kustomize"
"""What needs no cluster."""


def is_understood(real: str, words: list[str], sent: str) -> str:
    """What the real one says against it; "" where it fails only because nobody listens."""
    asked = [real, *NOBODY, *words]
    if "--" in words:
        asked = [real, *words[: words.index("--")], *NOBODY, *words[words.index("--") :]]
    told = subprocess.run(asked, input=sent, capture_output=True, text=True, check=False).stderr
    return "" if "refused" in told else f"kubectl {' '.join(words)}: {told}"


def main() -> int:
    """The command: its status is that of kubectl."""
    place, real, *words = sys.argv[1:]
    if words[0] == LOCAL:
        return subprocess.run([real, *words], check=False).returncode
    sent = sys.stdin.read() if words[-2:] == ["-f", "-"] else ""
    if wrong := is_understood(real, words, sent):
        sys.stderr.write(wrong)
        return 1
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(place)
        line.sendall(json.dumps({"words": words, "stdin": sent, "folder": os.getcwd()}).encode() + b"\n")
        with line.makefile("rb") as answer:
            told = json.loads(answer.readline())
    (sys.stderr if told["status"] else sys.stdout).write(told["told"])
    return int(told["status"])


if __name__ == "__main__":
    sys.exit(main())
