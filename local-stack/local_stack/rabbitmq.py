"""The private RabbitMQ node, its definitions filled from the settings."""

import json
from pathlib import Path
from string import Template

import pika
from pika.exceptions import AMQPError

from . import packages

RELEASE_QUEUE = "seat.release.queue"


class RabbitMQ:
    """A node whose every file is below `folder`, and whose every port is its own and local."""

    def __init__(self, folder: Path, ports: dict[str, int], settings: dict[str, str]) -> None:
        self._folder = folder
        self._ports = ports
        self._settings = settings

    @property
    def command(self) -> list[str]:
        """The broker, in the foreground; not the distribution's wrapper, which changes user."""
        return [str(packages.RABBITMQ_SERVER)]

    @property
    def epmd_command(self) -> list[str]:
        """The Erlang port mapper of this node alone, in the foreground."""
        return ["epmd", "-port", str(self._ports["epmd"]), "-address", "127.0.0.1"]

    @property
    def environment(self) -> dict[str, str]:
        """What tells the node where everything is (rabbitmq-env.conf(5))."""
        folder = self._folder
        return {
            "HOME": str(folder),
            # its start script then becomes the server, so that the supervisor has that one in hand
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": f"ticketremaster{self._ports['rabbitmq']}@localhost",
            "RABBITMQ_NODE_PORT": str(self._ports["rabbitmq"]),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._ports["rabbitmq_distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-environment-file"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def configure(self, definitions: Path) -> None:
        """Write the node's files; `definitions` is the project's rabbitmq/definitions.json."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        filled = self._folder / "definitions.json"
        filled.touch(mode=0o600)
        filled.write_text(fill(definitions.read_text(), self._settings))
        (self._folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"load_definitions = {filled}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self._ports['rabbitmq_management']}\n"
        )

    def is_up(self) -> bool:
        """Whether our user can connect and the queues are there."""
        parameters = pika.ConnectionParameters(
            "127.0.0.1",
            self._ports["rabbitmq"],
            credentials=pika.PlainCredentials(
                self._settings["RABBITMQ_USER"], self._settings["RABBITMQ_PASS"]
            ),
            socket_timeout=2,
            stack_timeout=3,
        )
        try:
            with pika.BlockingConnection(parameters) as connection:
                connection.channel().queue_declare(RELEASE_QUEUE, passive=True)
        except (AMQPError, OSError):
            return False
        return True


def fill(definitions: str, settings: dict[str, str]) -> str:
    """The definitions with user and password in place of their placeholders, quoted for JSON."""
    return Template(definitions).substitute(
        {name: json.dumps(settings[name])[1:-1] for name in ("RABBITMQ_USER", "RABBITMQ_PASS")}
    )
