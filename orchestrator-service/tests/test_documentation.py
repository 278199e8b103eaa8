"""What /apidocs/ says of the service."""

import pytest

from common.auth import Revocations
from common.testing import undocumented
from src.app import create_app
from src.clients.hold_publisher import HoldPublisher
from src.settings import Settings

from test_settings import GOOD


def test_every_route_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    for background in (HoldPublisher, Revocations):
        monkeypatch.setattr(background, "start", lambda _: None)
    assert undocumented(create_app(Settings(**GOOD)), "scanner") == []
