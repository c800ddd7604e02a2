"""Federation with Synapse: python main.py [SCENARIO]...

Each scenario runs in each room version, begun by either side. All that fail are told at the end."""

import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import scenarios
from person import Person
from servers import Authority, Causeway, Synapse

VERSIONS = ["6", "10", "11", "12"]


def run(wanted, causeway, synapse):
    """Names of what failed."""
    failed = []
    for version in VERSIONS:
        for scenario in wanted:
            for first, second in ((causeway, synapse), (synapse, causeway)):
                name = f"{scenario.__name__}, version {version}, begun by {first.kind}"
                begun = time.monotonic()
                try:
                    scenario(Person(first, "here"), Person(second, "there"), version)
                except Exception:  # whatever it is: the other scenarios are to run, too
                    traceback.print_exc()
                    failed.append(name)
                    print(f"FAILED {name}", flush=True)
                else:
                    print(f"ok {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    return failed


def main():
    wanted = [s for s in scenarios.ALL if not sys.argv[1:] or s.__name__ in sys.argv[1:]]
    folder = Path(tempfile.mkdtemp())
    servers = []
    failed = ["the start"]
    try:
        authority = Authority(folder)
        for kind in (Causeway, Synapse):
            servers.append(kind(authority, folder))
            servers[-1].start()
        failed = run(wanted, *servers)
    finally:
        if failed:
            for server in servers:
                print(f"--- end of the log of {server.kind} ---\n{server.tail()}", file=sys.stderr)
        for server in servers:
            server.clean()
        shutil.rmtree(folder, ignore_errors=True)
    for name in failed:
        print(f"failed: {name}")
    print(f"{len(failed)} failed.")
    sys.exit(bool(failed))


main()
