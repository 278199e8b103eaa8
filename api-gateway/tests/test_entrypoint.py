"""What the Kong image fills in before Kong reads the file."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import KONG_YML, SECRET, SETTINGS

FILES = ("api-gateway/docker-entrypoint.sh", "docker/fill-placeholders.sh")


def _fill(target: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    entrypoint, _ = (
        shutil.copy(KONG_YML.parents[1] / file, target.with_name(Path(file).name)) for file in FILES
    )
    paths = {"KONG_TEMPLATE": str(KONG_YML), "KONG_DECLARATIVE_CONFIG": str(target)}
    environment = {"PATH": os.environ["PATH"]} | paths | settings
    command = [entrypoint, "echo", "Kong starts"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_every_placeholder_is_filled_whatever_the_value_holds(tmp_path: Path) -> None:
    run = _fill(tmp_path / "kong.yml", JWT_SECRET=SECRET, **SETTINGS)
    assert (run.returncode, run.stdout) == (0, "Kong starts\n"), run.stderr
    filled = (tmp_path / "kong.yml").read_text()
    config = yaml.safe_load(filled)
    assert config["consumers"][0]["jwt_secrets"][0]["secret"] == SECRET
    limits = [p for p in config["plugins"] if p["name"] == "rate-limiting"]
    assert limits[0]["config"]["minute"] == 5000
    assert '["*"] = 50000,' in filled and "${" not in filled


@pytest.mark.parametrize("name", ["JWT_SECRET", *SETTINGS])
def test_kong_does_not_start_without_a_value(tmp_path: Path, name: str) -> None:
    run = _fill(tmp_path / "kong.yml", **(SETTINGS | {"JWT_SECRET": SECRET, name: ""}))
    assert run.returncode == 1 and f"{name} is not set" in run.stderr
    assert "Kong starts" not in run.stdout
