#!/bin/sh
# Fills the placeholders of kong.yml from the environment, since Kong does not, and starts Kong.
set -eu

umask 077
"$(dirname "$0")/fill-placeholders.sh" "${KONG_TEMPLATE:-/etc/kong/kong.yml}" > "$KONG_DECLARATIVE_CONFIG"

# A certificate with its key in one file, where one is mounted.
if [ -s /etc/gateway.pem ]; then
    export KONG_SSL_CERT=/etc/gateway.pem KONG_SSL_CERT_KEY=/etc/gateway.pem
fi

exec "$@"
