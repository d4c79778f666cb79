"""A module as a test wants it: copies what it is given, or does what its inputs say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

SPLIT = "@SPLIT@"


def main() -> None:
    inputs, output = Path(sys.argv[1]), Path(sys.argv[2])
    # What is stored with the job is masked; a text in two parts becomes whole only here.
    wish = json.loads(inputs.read_text().replace(SPLIT, ""))
    for name, content in wish.get("files", {}).items():
        (output / name).write_text(content)
    for name, target in wish.get("links", {}).items():
        (output / name).symlink_to(target)
    if wish.get("tell"):
        facts = {
            "environment": sorted(os.environ),  # noqa: TID251 (what it was given is the question)
            "words": sys.argv[3:],
            "folder": str(Path.cwd()),
            "stdin": sys.stdin.read(),
        }
        sys.stdout.write(json.dumps(facts) + "\n")
    if "child" in wish:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        Path(wish["child"]).write_text(str(child.pid))
    sys.stdout.write(wish.get("say", ""))
    sys.stdout.write("x" * wish.get("chatter", 0))
    sys.stdout.flush()
    time.sleep(wish.get("sleep", 0))
    sys.exit(wish.get("exit", 0))


if __name__ == "__main__":
    main()
