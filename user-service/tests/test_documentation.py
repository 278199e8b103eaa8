"""What /apidocs/ says of the service."""

from flask import Flask

from common.testing import undocumented


def test_every_route_is_documented(app: Flask) -> None:
    assert undocumented(app) == []
