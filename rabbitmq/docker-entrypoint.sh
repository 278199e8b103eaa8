#!/bin/sh
# Fills the user into the definitions from the environment, and starts the broker.
# An empty or missing value stops us: the platform could not log in.
set -eu

target=/etc/rabbitmq/definitions.json
umask 077
awk '
    # A value stands between double quotes in the JSON, whatever it holds.
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
            if (ENVIRON[name] == "" || ENVIRON[name] ~ /[[:cntrl:]]/) {
                print "definitions.json, line " NR ": " name " is not set" > "/dev/stderr"
                exit 1
            }
            line = line substr($0, 1, RSTART - 1) quoted(ENVIRON[name])
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }
' /usr/local/share/definitions.json > "$target"
chown rabbitmq "$target"

exec docker-entrypoint.sh "$@"
