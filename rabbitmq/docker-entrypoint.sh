#!/bin/sh
# Fills the user into the definitions from the environment, and starts the broker.
set -eu

target=/etc/rabbitmq/definitions.json
umask 077
/fill-placeholders.sh /usr/local/share/definitions.json > "$target"
chown rabbitmq "$target"

exec docker-entrypoint.sh "$@"
