# common.sh: what every script of this folder says and does the same way. Sourced, never run.
#
# Progress and complaints go to stderr, so that stdout stays data that a shell may evaluate.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=$root/.cache

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# java_command prints a Java of at least version 17, JAVA_HOME's before the one in the PATH.
java_command() {
    local java version
    for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" java; do
        [[ -n $java ]] && have "$java" || continue
        version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        ((${version:-0} >= 17)) && echo "$java" && return
    done
    return 1
}

# postgres_bin prints the folder of the newest PostgreSQL server binaries.
postgres_bin() {
    local bin
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [[ -x $bin/initdb ]] || bin=$(pg_config --bindir 2>/dev/null)
    [[ -x $bin/initdb ]] && echo "$bin"
}

# python_command prints a Python that the tests run on and that can make a venv.
python_command() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
            2>/dev/null && echo "$python" && return
    done
    return 1
}
