"""The test bed by hand: `python tests/testbed/run.py --help`. Its folder is TESTBED_STATE, or /tmp/testbed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from testbed.bed import Testbed, start
from testbed.needs import missing

FOLDER = Path(os.environ.get("TESTBED_STATE", "/tmp/testbed"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command. The exit code is 0 if it worked."""
    given = _parser().parse_args(arguments)
    if given.command in {"down", "status"} and not _is_up():
        print(f"no test bed at {FOLDER}")
        return 0 if given.command == "down" else 1
    try:
        return int(given.run(given) or 0)
    except (FileNotFoundError, ConnectionError):
        print(f"no test bed at {FOLDER}: make testbed-up", file=sys.stderr)
    except (RuntimeError, ValueError, KeyError) as error:
        print(error, file=sys.stderr)
    return 1


def up(given: argparse.Namespace) -> int:
    """Make it, and leave it there."""
    if lacks := missing():
        print(f"no test bed here: needs {', '.join(lacks)}", file=sys.stderr)
        return 1
    if _is_up():
        print(f"there is a test bed at {FOLDER} already", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    settings = {"boot_delay_s": given.boot_delay}
    start(FOLDER, hosts=given.hosts, cloud=not given.no_cloud, settings=settings, stay=True)
    return status(given)


def down(given: argparse.Namespace) -> None:
    """End everything in it."""
    guard = FOLDER / "run" / "guard.pid"
    os.kill(int(guard.read_text()), signal.SIGTERM)
    while guard.exists():
        time.sleep(0.05)
    print("down: logs and bill are in", FOLDER)


def status(given: argparse.Namespace) -> int:
    """Hosts and instances."""
    bed = Testbed(FOLDER)
    print(f"on-prem, as root with the key {bed.key}:")
    for name, ip in bed.hosts.items():
        print(f"  {name:20} {ip:15} {'up' if (FOLDER / 'run' / f'{name}.json').exists() else 'down'}")
    if (FOLDER / "cloud").exists():
        print(f"cloud, at {bed.cloud.endpoint} in {bed.cloud.region}, key id x, secret x:")
    for each in bed.cloud.instances():
        print(f"  {each['id']:20} {each['ip']:15} {each['state']:13} {each['type']} {each['market']} {each['zone']}")
    return 0


def shell(given: argparse.Namespace) -> None:
    """Become a shell, or a command, on the laptop."""
    bed = Testbed(FOLDER)
    with bed.inside():
        command = given.words or [os.environ.get("SHELL", "/bin/bash")]
        environment = bed.environment()
        Path(environment["HOME"], ".bashrc").write_text("PS1='testbed:\\w\\$ '\n")
        os.execvpe(command[0], command, environment)


def on(given: argparse.Namespace) -> int:
    """A command on a host or instance."""
    done = Testbed(FOLDER).run_on(given.host, *given.words, check=False)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


def cut(given: argparse.Namespace) -> None:
    """Power cut: of an instance, EC2 says nothing."""
    bed = Testbed(FOLDER)
    (bed.cut if given.host in bed.hosts else bed.cloud.crash)(given.host)


def fault(given: argparse.Namespace) -> None:
    """Faults as NAME=VALUE; none is a fine day."""
    cloud = Testbed(FOLDER).cloud
    if not given.words:
        cloud.clear_faults()
    cloud.set_faults(**{name: _value(value) for name, _, value in (word.partition("=") for word in given.words)})


def capacity(given: argparse.Namespace) -> None:
    """Limits as TYPE/MARKET[/ZONE]=NUMBER."""
    Testbed(FOLDER).cloud.capacity({key: _value(value) for key, _, value in (w.partition("=") for w in given.words)})


def interrupt(given: argparse.Namespace) -> None:
    """A spot reclaim."""
    Testbed(FOLDER).cloud.interrupt(given.instance, given.in_s, notice=not given.no_notice)


def bill(given: argparse.Namespace) -> None:
    """What each instance has cost."""
    bed = Testbed(FOLDER)
    prices = {key: float(value) for key, _, value in (word.partition("=") for word in given.words)}
    if not prices:  # seconds are worth knowing without prices too
        prices = {f"{each['type']}/{each['market']}": 0.0 for each in bed.cloud.instances()}
    lines = bed.cloud.bill(prices)
    for line in lines:
        print(f"  {line['id']:20} {line['type']} {line['market']:10} {line['seconds']:7} s  ${line['usd']:.6f}")
    print(f"  ${sum(line['usd'] for line in lines):.6f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(run: object, words: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, help=run.__doc__)
        made.set_defaults(run=run)
        if words:
            made.add_argument("words", nargs=argparse.REMAINDER if words == "COMMAND" else "*", metavar=words)
        return made

    made = command(up)
    made.add_argument("--hosts", type=int, default=3, help="on-prem hosts (3)")
    made.add_argument("--no-cloud", action="store_true", help="on-prem hosts alone")
    made.add_argument("--boot-delay", type=float, default=0.0, help="seconds that an instance is pending (0)")
    command(down)
    command(status)
    command(shell, "COMMAND")
    on_host = commands.add_parser("on", help=on.__doc__)
    on_host.set_defaults(run=on)
    on_host.add_argument("host")
    on_host.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    command(cut).add_argument("host")
    command(fault, "NAME=VALUE")
    command(capacity, "KEY=NUMBER")
    made = command(interrupt)
    made.add_argument("instance")
    made.add_argument("--in-s", type=float, default=12.0, help="seconds until it ends (12)")
    made.add_argument("--no-notice", action="store_true", help="its metadata says nothing before")
    command(bill, "TYPE/MARKET=USD_PER_HOUR")
    return parser


def _value(text: str) -> object:
    """JSON, or a word."""
    try:
        return json.loads(text.replace("none", "null"))
    except ValueError:
        return text


def _is_up() -> bool:
    """Whether the guard that wrote its number there is alive, and is a guard."""
    try:
        pid = int((FOLDER / "run" / "guard.pid").read_text())
        return str(FOLDER) in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main())
