"""Nothing in the README goes untried, and its table of settings is that of .env.example."""

import re
from pathlib import Path

from dotenv import dotenv_values
from local_stack import settings
from local_stack.stack import ROOT

from by_hand import BY_HAND
from readme_text import NOT_TRIED, README, WALKTHROUGHS, blocks, commands
from steps import FIRST, THEN

TRIED = {*BY_HAND, *(step.command for step in (*FIRST, *THEN))}


def untried(text: str) -> set[str]:
    """The commands of a README that no test types and that are no exception."""
    return set(commands(text)) - set(NOT_TRIED) - TRIED


def test_every_command_is_typed_by_a_test_or_has_a_reason_not_to_be() -> None:
    assert untried(README) == set()


def test_no_test_types_what_the_readme_does_not_have() -> None:
    assert TRIED | set(NOT_TRIED) <= set(commands())
    assert set(WALKTHROUGHS) <= {block.section for block in blocks()}


def test_an_unknown_command_is_noticed_wherever_it_stands() -> None:
    """The negative control."""
    new = ("make coffee", "docker compose stop", "STACK=native make down", "curl -s x | jq .y")
    table = "".join(f"| `{command}` | what it does |\n" for command in new)
    assert untried(f"{README}\n{table}") == set(new)
    assert untried(f"{README}\n```sh\nmake tea    # or\nmake milk\n```\n") == {
        "make tea\nmake milk"
    }
    assert untried(f"{README}\n`POST /api/pay` to `make` it, `a b`\n") == set()


def test_the_table_of_settings_has_every_one_with_its_default() -> None:
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| (.+?) \| .+ \|$", README, re.M)
    table: dict[str, str] = {}
    for names, defaults in rows:
        listed = re.findall(r"`(.+?)`", names)
        values = re.findall(r"`(.+?)`", defaults) or [defaults] * len(listed)
        table |= zip(listed, values, strict=True)
    first, second = settings.fresh(ROOT), settings.fresh(ROOT)
    wanted = {
        name: "random" if first.get(name) != second.get(name) else value or "none"
        for name, value in dotenv_values(ROOT / ".env.example").items()
    }
    assert table == wanted


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    headings = re.findall(r"^#+ (.+)$", README, re.M)
    plain = [re.sub(r"[^\w -]", "", one).lower() for one in headings]
    anchors = ["#" + one.replace(" ", "-") for one in plain]
    assert links
    for link in links:
        assert link in anchors if link.startswith("#") else Path(ROOT / link).exists(), link
