"""The README's commands for who uses docker compose without make."""

from readme_text import beginning_with

COPY_SETTINGS_AND_UP = beginning_with("cp .env.example .env")
UP_BEHIND_HAPROXY = "docker compose -f docker-compose.yml -f docker-compose.haproxy.yml up --build"
UP_ON_OTHER_PORTS = "GATEWAY_PORT=8100 USER_PORT=5100 docker compose up"
UP_ON_THE_SOURCE = (
    "docker compose -f docker-compose.yml -f docker-compose.dev.yml --profile standins up --build"
)
RESTART = "docker compose restart inventory-service recovery"
APPLY_SCHEMAS = beginning_with("for name in seats")
FOLLOW = "docker compose logs | grep $id"
DOWN = "docker compose down"
DROP = "docker compose down -v"
BY_HAND = (
    COPY_SETTINGS_AND_UP,
    UP_BEHIND_HAPROXY,
    UP_ON_OTHER_PORTS,
    UP_ON_THE_SOURCE,
    RESTART,
    APPLY_SCHEMAS,
    FOLLOW,
    DOWN,
    DROP,
)
