"""The command line: `python -m local_stack up | down | reset | status | logs | audit`."""

import argparse
import os
import sys
from pathlib import Path

from . import audit, certificate, engine, packages
from .container_stack import ContainerStack
from .native_stack import NativeStack
from .stack import ROOT, Stack, StackError
from .supervisor import SupervisorError

_CLOSING = """
TicketRemaster runs.

  API through the gateway   http://localhost:{gateway}
  Scanner app for staff     http://localhost:{gateway}/scanner/
    on a phone              https://{lan}:{gateway_tls}/scanner/
  Swagger UI                http://localhost:{user}/apidocs/  (user)  {order}  (order)
                            {event}  (event)  {orchestrator}  (orchestrator)
  RabbitMQ management       http://localhost:{rabbitmq_management}
{standins}
  Logins, all with the password password123:
    user1@example.com   1,000 credits
    user2@example.com     500 credits, flagged: pays with a code
    user3@example.com   1,000 credits
    staff@example.com   admin@example.com

  make status   make logs   make audit   make down   make reset
"""

_STANDINS = {
    "smu": '  Codes that were "sent"    http://localhost:{smu}/\n',
    "stripe": "  Stripe's stand-in         http://localhost:{stripe}\n",
}


def main() -> int:
    """Do what the arguments say; the exit status."""
    arguments = _arguments()
    try:
        stack = _stack(arguments.state)
        return _COMMANDS[arguments.command](stack, arguments.name)
    except (StackError, SupervisorError) as error:
        print(error, file=sys.stderr)
        return audit.NOT_SEEN if arguments.command == "audit" else 1


def _stack(state: Path) -> Stack:
    """In containers where an engine answers, else as processes; STACK says so too.

    What runs already stays as it is.
    """
    native = NativeStack(state, tell=_tell)
    wanted = os.environ.get("STACK", "")
    if wanted not in ("", "native", "containers"):
        raise StackError(f"STACK is native or containers, not {wanted}.")
    if wanted == "native" or native.is_running():
        return native
    if not engine.answers():
        if wanted:
            raise StackError("No container engine answers: docker info, docker compose version.")
        return native
    containers = ContainerStack(ROOT, state, tell=_tell)
    if not wanted and not containers.is_running() and (images := engine.missing_images(ROOT)):
        _tell(f"The container engine cannot get {', '.join(images)}: doing without containers.")
        return native
    return containers


def _tell(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local_stack", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("name", nargs="?", help="logs: of this process alone")
    parser.add_argument(
        "--state",
        type=Path,
        default=ROOT / ".local-stack",
        help="the folder with everything of the stack but containers (default: .local-stack)",
    )
    return parser.parse_args()


def _up(stack: Stack, _: str | None) -> int:
    if isinstance(stack, NativeStack):
        packages.install(packages.missing_servers())
    print("Starting TicketRemaster ...", flush=True)
    stack.up()
    lan = certificate.lan_address() or "localhost"
    print(_CLOSING.format(**stack.ports, lan=lan, standins=_standins(stack)))
    return 0


def _standins(stack: Stack) -> str:
    """Where the stand-ins are, a line for each."""
    lines = [line for name, line in _STANDINS.items() if name in stack.standins]
    return "".join(lines).format(**stack.ports)


def _down(stack: Stack, _: str | None) -> int:
    print("Stopped; the data is kept." if stack.down() else "Nothing was running.")
    return 0


def _reset(stack: Stack, _: str | None) -> int:
    stack.reset()
    print(f"Stopped, and dropped all data and logs of {stack.state_dir}.")
    return 0


def _status(stack: Stack, _: str | None) -> int:
    rows = stack.status()
    if not rows:
        print("Nothing is running: make up")
        return 1
    for name, state, port, healthy in rows:
        print(f"{name:<14} {state:<9} {port or '':<6} {'healthy' if healthy else 'UNHEALTHY'}")
    print(_standins(stack), end="")
    return 0 if all(healthy for *_, healthy in rows) else 1


def _logs(stack: Stack, name: str | None) -> int:
    command = stack.follow_logs(name)
    if not command:
        print(f"There is no log of {name}." if name else "There are no logs yet: make up")
        return 1
    os.execvp(command[0], command)


def _audit(stack: Stack, _: str | None) -> int:
    if not stack.status():
        print("Nothing is running: make up", file=sys.stderr)
        return audit.NOT_SEEN
    return audit.report(audit.Audit.of(stack), _tell)


_COMMANDS = {
    "up": _up,
    "down": _down,
    "reset": _reset,
    "status": _status,
    "logs": _logs,
    "audit": _audit,
}

if __name__ == "__main__":
    sys.exit(main())
