#!/bin/sh
# fill-placeholders.sh TEMPLATE > FILE: each ${NAME} of a JSON or YAML file becomes that variable's value.
# A value stands between double quotes in the file, whatever it holds. An empty or missing one stops us: an
# empty secret would let everybody in, or nobody.
set -eu
awk '
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
                print FILENAME ", line " NR ": " name " is not set, or not to be used" > "/dev/stderr"
                exit 1
            }
            line = line substr($0, 1, RSTART - 1) quoted(ENVIRON[name])
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }
' "$1"
