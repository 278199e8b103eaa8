"""What the README tells its reader to type, and where each of it is tried."""

import re
import shutil
from dataclasses import dataclass

from local_stack.stack import ROOT

README = (ROOT / "README.md").read_text()
# one after the other, in one shell, as a reader would
WALKTHROUGHS = (
    "A first purchase",
    "A code, and a top-up",
    "A ticket changes hands",
    "At the gate",
    "Following a request",
)
NOT_TRIED = {
    "make test": "is what is running",
    "make test SUITE=order-service": "is a part of it",
    "make test SUITE=containers": "is what is running, in containers",
    "make lint": "the same",
    "make test-faults": "takes the machine for itself, for long",
    "make bench": "takes the machine for itself, for long",
    "make test-security": "is a part of make test",
    "timedatectl set-ntp true": "would set this machine's clock",
}
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*([a-z][\w.+-]*) \S")
_ALWAYS_PROGRAMS = ("docker", "make", "npm", "python3", "timedatectl")  # installed or not


@dataclass(frozen=True)
class Block:
    """A block of shell commands, and the heading it stands under."""

    section: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines without what is only remarked."""
        lines = [line.partition("    #")[0].rstrip() for line in self.text.splitlines()]
        return [line for line in lines if line]


def blocks(text: str = README) -> list[Block]:
    """Every block of shell commands."""
    sections = re.split(r"^## ", text, flags=re.M)
    return [
        Block(section.partition("\n")[0], block)
        for section in sections
        for block in _BLOCK.findall(section)
    ]


def spans(text: str = README) -> list[str]:
    """Every command in the text and the tables."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [one.replace("\\|", "|") for one in _SPAN.findall(prose) if _is_command(one)]


def _is_command(span: str) -> bool:
    found = _COMMAND.match(span)
    return bool(found) and (found[1] in _ALWAYS_PROGRAMS or shutil.which(found[1]) is not None)


def commands(text: str = README) -> list[str]:
    """Each command once, as it stands; a block of several lines that belong together is one."""
    found: dict[str, None] = {}
    for block in blocks(text):
        if block.section in WALKTHROUGHS:
            continue
        whole = len(block.commands) > 1 and block.section not in _LINE_BY_LINE
        found |= dict.fromkeys(["\n".join(block.commands)] if whole else block.commands)
    return list(found | dict.fromkeys(spans(text)))


_LINE_BY_LINE = ("Two commands",)


def beginning_with(*words: str) -> str:
    """The one command that begins so and is a block of several lines."""
    (found,) = [one for one in commands() if "\n" in one and one.startswith(words)]
    return found
