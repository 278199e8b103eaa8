#!/bin/sh
# Renders kong.yml from the environment, and becomes HAProxy. TLS where a certificate is mounted.
set -eu

# An empty secret would let nobody in, and say so to nobody.
: "${JWT_SECRET:?is not set}"
config=/tmp/haproxy.cfg
if [ -s /etc/gateway.pem ]; then
    set -- --tls-cert /etc/gateway.pem
fi
umask 077
python3 render_haproxy.py --output "$config" "$@"
exec haproxy -W -db -f "$config"
