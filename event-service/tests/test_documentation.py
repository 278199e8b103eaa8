"""What /apidocs/ says of the service."""

from flask.testing import FlaskClient

from common.testing import undocumented


def test_every_route_is_documented(client: FlaskClient) -> None:
    assert undocumented(client.application) == []
