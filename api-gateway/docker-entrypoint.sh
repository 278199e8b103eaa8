#!/bin/sh
# Fills the placeholders of kong.yml from the environment, since Kong does not, and starts Kong.
# An empty or missing value stops us: an empty secret would let everybody sign tokens.
set -eu

umask 077
awk '
    # A value stands between double quotes in the YAML, whatever it holds.
    function quoted(value,   result, i, char) {
        for (i = 1; i <= length(value); i++) {
            char = substr(value, i, 1)
            result = result (char == "\\" || char == "\"" ? "\\" char : char)
        }
        return result
    }
    {
        line = ""
        while (match($0, /\$\{[A-Z_]+\}/)) {
            name = substr($0, RSTART + 2, RLENGTH - 3)
            if (ENVIRON[name] == "" || index(ENVIRON[name], "\n")) {
                print "kong.yml, line " NR ": " name " is not set" > "/dev/stderr"
                exit 1
            }
            line = line substr($0, 1, RSTART - 1) quoted(ENVIRON[name])
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }
' "${KONG_TEMPLATE:-/etc/kong/kong.yml}" > "$KONG_DECLARATIVE_CONFIG"

# A certificate with its key in one file, where one is mounted.
if [ -s /etc/gateway.pem ]; then
    export KONG_SSL_CERT=/etc/gateway.pem KONG_SSL_CERT_KEY=/etc/gateway.pem
fi

exec "$@"
