# postgres.sh: the private PostgreSQL of scripts/services. Sourced; works on the folder $dir.
#
# The server never runs as root: when root asks, it runs as `postgres`, else as `nobody`. Its data
# is in $dir/postgres where that user can reach it, else beside its socket; the socket's folder is
# short, since a Unix socket's path may have 107 bytes only, and is named in $dir/socket. fsync is
# on unless $fsync says otherwise: a test that kills processes does not need it, a benchmark does.


postgres_user() { getent passwd postgres >/dev/null && echo postgres || echo nobody; }

# as_server COMMAND...: run as the user that owns the data.
as_server() {
    if ((EUID == 0)); then
        local user
        user=$(postgres_user)
        (cd / && exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
            env HOME=/ PGPASSFILE=/dev/null "$@")
    else
        (cd / && exec env PGPASSFILE=/dev/null "$@")
    fi
}

postgres_data() { cat "$dir/postgres.data" 2>/dev/null; }
postgres_port() { cat "$dir/postgres.port" 2>/dev/null; }

# The folder is on the command line of the process, so a reused process id is not mistaken for it.
postgres_runs() { process_runs "$dir/postgres.pid" "$(postgres_data)"; }
postgres_answers() {
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$(postgres_port)" -U weir -d postgres
}

postgres_create() {
    local short data
    short=$(mktemp -d "${TMPDIR:-/tmp}/weir-XXXXXX")
    echo "$short" >"$dir/socket"
    chmod 755 "$short"
    data=$dir/postgres
    mkdir "$data"
    if ((EUID == 0)); then
        chown "$(postgres_user):" "$short" "$data"
        if ! as_server test -w "$data"; then
            rmdir "$data"
            data=$short/postgres
            mkdir "$data"
            chown "$(postgres_user):" "$data"
        fi
    fi
    chmod 700 "$data"
    echo "$data" >"$dir/postgres.data"
    free_port >"$dir/postgres.port"
    as_server "$bin/initdb" -D "$data" -U weir --auth=trust -E UTF8 --locale=C.UTF-8 \
        >>"$dir/postgres.log" 2>&1 || return 1
    postgres_settings "$short" | as_server tee -a "$data/postgresql.conf" >/dev/null
}

# mmap leaves no shared memory behind when the server is killed; it is deleted with the data.
postgres_settings() {
    cat <<SETTINGS
listen_addresses = '127.0.0.1'
port = $(postgres_port)
unix_socket_directories = '$1'
fsync = ${fsync:-on}
full_page_writes = ${fsync:-on}
synchronous_commit = on
max_connections = 100
max_prepared_transactions = 20
dynamic_shared_memory_type = mmap
shared_buffers = 256MB
log_line_prefix = '%m [%p] %q%u@%d '
timezone = 'UTC'
SETTINGS
}

postgres_start() {
    postgres_runs && return
    postgres_forget_dead
    as_server_in_background postgres "$bin/postgres" -D "$(postgres_data)"
}

postgres_ready() {
    wait_while_running 60 postgres_runs postgres_answers || return 1
    "$bin/psql" -qAtX -h 127.0.0.1 -p "$(postgres_port)" -U weir -d postgres \
        -c "SELECT 1 FROM pg_database WHERE datname = 'weir'" | grep -q 1 ||
        "$bin/createdb" -h 127.0.0.1 -p "$(postgres_port)" -U weir weir
}

# A fast shutdown (SIGINT): SIGTERM would wait for every client to leave by itself.
postgres_stop() { stop_process postgres_runs "$dir/postgres.pid" INT; }

# Server processes leave the postmaster's process group, so each is killed by its own id, the
# postmaster first: it would otherwise report the crash and restart them.
postgres_kill() {
    postgres_runs || return 0
    local pid children
    pid=$(<"$dir/postgres.pid")
    children=$(<"/proc/$pid/task/$pid/children")
    # shellcheck disable=SC2086
    kill -KILL "$pid" $children 2>/dev/null || true
    wait_until 10 not postgres_runs
    for pid in $children; do
        wait_until 10 not is_alive "$pid"
    done
}

# What a killed server leaves: its lock files and one System V segment named in them. It would
# clear them itself, but takes itself for alive where nobody reaps it (a container without init).
postgres_forget_dead() {
    local data segment
    data=$(postgres_data) || return 0
    [[ -e $data/postmaster.pid ]] || return 0
    segment=$(sed -n '7s/^ *[0-9]* *//p' "$data/postmaster.pid")
    [[ -z $segment ]] || ipcrm -m "$segment" 2>/dev/null || true
    rm -f "$data/postmaster.pid" "$(<"$dir/socket")"/.s.PGSQL.*
}

postgres_remove() {
    [[ -e $dir/postgres.data ]] || return 0
    postgres_forget_dead
    rm -rf "$(postgres_data)" "$(<"$dir/socket")"
}
