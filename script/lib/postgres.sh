# shellcheck shell=bash
# The private PostgreSQL cluster of one data directory: made on first use, reachable over a unix
# socket in a directory that only its owner (and root) can enter, never over the network.
# Sourced after common.sh and instance.sh, never run; needs data_dir.
#
# The cluster runs as whoever owns its folder: the caller, or for root the user postgres, whom
# PostgreSQL insists on. Everything below that touches its files goes through as_owner.
# shellcheck disable=SC2154  # data_dir is set by instance.sh

pg_major_min=15
pg_cluster=''    # folder of the cluster
pg_owner=''      # user it runs as
pg_bin=''        # folder of the PostgreSQL programs that fit it
pg_socket_dir='' # where its socket is

# --- Where it is ----------------------------------------------------------------------------------

# Twelve digits that name this data directory wherever its own path cannot be used.
data_dir_hash() { printf '%s' "$data_dir" | sha256sum | cut -c 1-12; }

# as_owner CMD...: runs a command as the owner of the cluster, in a folder that it can be in.
as_owner() {
    if [[ $(id -un) == "$pg_owner" ]]; then
        (cd / && exec "$@")
    else
        (cd / && HOME=/ exec setpriv --reuid="$pg_owner" --regid="$(id -g "$pg_owner")" \
            --init-groups "$@")
    fi
}

# Sets pg_cluster and pg_owner, for a cluster that exists or for the one to be made.
find_cluster() {
    local elsewhere
    pg_cluster=$data_dir/postgres
    pg_owner=$(id -un)
    elsewhere=/var/lib/busbar/$(data_dir_hash)/postgres
    if [[ -d $pg_cluster ]]; then
        pg_owner=$(stat -c %U -- "$pg_cluster")
        ((EUID == 0)) || [[ $pg_owner == "$(id -un)" ]] ||
            die "the database in '$pg_cluster' belongs to $pg_owner:" \
                "run this as root or with sudo, as before."
        [[ $pg_owner != root ]] ||
            die "'$pg_cluster' belongs to root, as whom PostgreSQL does not run:" \
                "give it to postgres with chown -R."
        ((EUID != 0)) || as_owner test -x "$data_dir" ||
            die "user $pg_owner cannot enter '$data_dir' any more:" \
                "allow it with chmod o+x on each folder above it."
    elif ((EUID == 0)); then
        pg_owner=postgres
        id postgres >/dev/null 2>&1 || die "there is no user postgres: run script/bootstrap."
        if [[ -d $elsewhere ]] || { [[ -d $data_dir ]] && ! as_owner test -x "$data_dir"; }; then
            pg_cluster=$elsewhere
        fi
    fi
}

# Prints the major versions that are installed and new enough, best first: the tested one leads.
installed_majors() {
    local program major
    for program in /usr/lib/postgresql/*/bin/postgres; do
        major=${program#/usr/lib/postgresql/}
        major=${major%%/*}
        # Not a chain of &&: its failure at the last one would be that of the whole function.
        if [[ -x $program && $major =~ ^[0-9]+$ ]] && ((major >= pg_major_min)); then
            echo "$major"
        fi
    done | sort -n
}

# Sets pg_bin: of the cluster's own version where there is a cluster.
find_programs() {
    local major installed
    installed=$(installed_majors)
    [[ -n $installed ]] ||
        die "PostgreSQL $pg_major_min or newer is not installed: run script/bootstrap," \
            "or name a server with BUSBAR_DATABASE_URL."
    major=${installed%%$'\n'*}
    if [[ -d $pg_cluster ]]; then
        major=$(as_owner cat "$pg_cluster/PG_VERSION" 2>/dev/null) ||
            die "'$pg_cluster' holds no complete database (PG_VERSION is missing):" \
                "restore it from a backup, or move it away to start empty."
        grep -qx -- "$major" <<<"$installed" ||
            die "the database in '$pg_cluster' was made by PostgreSQL $major," \
                "but installed is ${installed//$'\n'/ and }:" \
                "install postgresql-$major, or move that folder away to start empty."
    fi
    pg_bin=/usr/lib/postgresql/$major/bin
}

# --- Is it running --------------------------------------------------------------------------------

# Prints a line of the cluster's postmaster.pid: 1 is the process, 5 the folder of the socket.
pid_file_line() { as_owner sed -n "${1}p" "$pg_cluster/postmaster.pid" 2>/dev/null; }

# Whether the process named in postmaster.pid really is this cluster's: after a crash or a restart
# of the machine the number may belong to anybody.
cluster_is_running() {
    local process directory
    process=$(pid_file_line 1) || return 1
    [[ $process =~ ^[0-9]+$ ]] || return 1
    directory=$(readlink "/proc/$process/cwd" 2>/dev/null) ||
        directory=$(as_owner readlink "/proc/$process/cwd" 2>/dev/null) || return 1
    [[ $directory == "$(realpath -- "$pg_cluster")" ]]
}

# The URL that the program gets. $1: a socket folder, whose slashes and odd characters are encoded.
cluster_url() {
    local encoded='' character i
    for ((i = 0; i < ${#1}; i++)); do
        character=${1:i:1}
        case $character in
            [a-zA-Z0-9._-]) encoded+=$character ;;
            *) encoded+=$(printf '%s' "$character" | od -An -tx1 | tr -d '\n' | sed 's/ /%/g') ;;
        esac
    done
    printf 'postgresql:///busbar?host=%s&port=5432&user=busbar' "$encoded"
}

# Prints the URL of the running cluster; fails where it does not run or this user cannot see it.
running_cluster_url() {
    local directory
    cluster_is_running && directory=$(pid_file_line 5) && [[ -n $directory ]] &&
        cluster_url "$directory"
}

# --- Starting it ----------------------------------------------------------------------------------

# Sets pg_socket_dir and makes that folder. It is outside the data directory because the path of a
# unix socket has at most 107 bytes. Nobody else can have put it there: owner and mode are checked.
make_socket_dir() {
    local name found
    name=busbar-$(data_dir_hash)
    if ((EUID == 0)); then
        pg_socket_dir=/run/$name
    elif [[ -O ${XDG_RUNTIME_DIR:-} && ${XDG_RUNTIME_DIR:-} =~ ^/[A-Za-z0-9/._-]{1,60}$ ]]; then
        pg_socket_dir=$XDG_RUNTIME_DIR/$name
    else
        pg_socket_dir=/tmp/$name-$EUID
    fi
    if mkdir -m 0700 -- "$pg_socket_dir" 2>/dev/null && ((EUID == 0)); then
        chown "$pg_owner:" "$pg_socket_dir"
    fi
    found=$(stat -c '%F %a %U' -- "$pg_socket_dir" 2>/dev/null || echo none)
    [[ $found == "directory 700 $pg_owner" ]] ||
        die "'$pg_socket_dir' should be a folder of $pg_owner with mode 700 but is '$found':" \
            "remove it."
}

# Says in one sentence why a step of PostgreSQL failed. $1: what was tried, $2: its output.
explain_failure() {
    local reason
    if grep -q 'No space left on device' <<<"$2"; then
        die "the disk of '$pg_cluster' is full: free at least 200 MB," \
            "or choose another one with BUSBAR_DATA_DIR."
    fi
    reason=$(grep -E 'FATAL|PANIC|ERROR|error:' <<<"$2" | tail -n 1 |
        sed -E 's/^.*(FATAL|PANIC|ERROR|error): *//') || true
    die "PostgreSQL could not $1 '$pg_cluster': ${reason:-its messages are in $pg_cluster/log}."
}

# Makes the cluster beside its place and moves it there whole, so that an interruption leaves
# nothing half made behind.
make_cluster() {
    local new=$pg_cluster.new output
    say "Making the database in $pg_cluster"
    rm -rf -- "$new"
    (umask 022 && mkdir -p -- "${pg_cluster%/*}" 2>/dev/null) || true
    mkdir -m 0700 -- "$new" 2>/dev/null ||
        die "cannot make the folder '$new': check the permissions and the free space of its disk."
    require_space "$new"
    if [[ $(id -un) != "$pg_owner" ]]; then chown "$pg_owner:" "$new"; fi
    if ! output=$(as_owner "$pg_bin/initdb" -D "$new" --username=busbar \
        --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=reject \
        --data-checksums --no-instructions 2>&1); then
        rm -rf -- "$new"
        explain_failure "make" "$output"
    fi
    mv -T -- "$new" "$pg_cluster"
}

# Who may log in, as what: root and the owner of the cluster, as its one user, over the socket.
write_access_rules() {
    as_owner tee "$pg_cluster/pg_hba.conf" >/dev/null <<<'local all busbar peer map=busbar'
    printf 'busbar "%s" busbar\n' "$pg_owner" root | sort -u |
        as_owner tee "$pg_cluster/pg_ident.conf" >/dev/null
}

# The settings that are ours to decide; command line options win over the files of the cluster.
# Acknowledged means on the disk: fsync, full_page_writes and synchronous_commit stay on.
server_options() {
    printf -- '-c %s ' "listen_addresses=''" "unix_socket_directories='$pg_socket_dir'" \
        unix_socket_permissions=0700 port=5432 fsync=on full_page_writes=on synchronous_commit=on \
        logging_collector=on log_directory=log log_filename=postgresql-%a.log \
        log_truncate_on_rotation=on log_rotation_age=1d log_rotation_size=0
}

# Removes what a killed server left behind, once it is certain that none is running.
clear_remains() {
    as_owner rm -f -- "$pg_cluster/postmaster.pid"
    as_owner rm -f -- "$pg_socket_dir/.s.PGSQL.5432" "$pg_socket_dir/.s.PGSQL.5432.lock"
}

launch_cluster() {
    local attempt today output=''
    local log=$pg_cluster/start.log
    clear_remains
    # The children of a killed server need a moment to notice; until then a new one is refused.
    for attempt in 1 2 3 4 5; do
        as_owner rm -f -- "$log"
        # pg_ctl hands these paths to a shell between double quotes: relative ones are safe there.
        if as_owner env -C "$pg_cluster" "$pg_bin/pg_ctl" start -w -s -t 120 -D . -l start.log \
            -o "$(server_options)" >/dev/null 2>&1 9>&-; then
            return 0
        fi
        today=$(LC_ALL=C date +postgresql-%a.log)
        output=$(as_owner cat "$log" "$pg_cluster/log/$today" 2>/dev/null | tail -n 30) || true
        if ((attempt == 5)) || ! grep -q 'shared memory block' <<<"$output"; then break; fi
        sleep 2
    done
    explain_failure "start the database in" "$output"
}

# sql DATABASE STATEMENT: prints the bare result.
sql() {
    env -u PGOPTIONS -u PGSERVICE "$pg_bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
        -h "$pg_socket_dir" -p 5432 -U busbar -d "$1" -c "$2"
}

make_database() {
    local output
    output=$(sql postgres "SELECT 1 FROM pg_database WHERE datname = 'busbar'" 2>&1) ||
        explain_failure "answer in" "$output"
    [[ $output == 1 ]] && return
    output=$(sql postgres 'CREATE DATABASE busbar' 2>&1) ||
        explain_failure "make a database in" "$output"
}

# Starts the cluster of data_dir, or takes over one that an earlier run left running, and exports
# BUSBAR_DATABASE_URL. The caller holds the lock of the data directory.
start_cluster() {
    local usual=$data_dir/postgres
    find_cluster
    find_programs
    if [[ $pg_cluster != "$usual" ]]; then
        say "User $pg_owner cannot enter $data_dir: the database is kept in ${pg_cluster%/*}."
        printf '%s\n' "$pg_cluster" >"$data_dir/database-location"
    fi
    [[ -d $pg_cluster ]] || make_cluster
    make_socket_dir
    if cluster_is_running; then
        say "Taking over the PostgreSQL that an earlier run left running"
        if [[ $(pid_file_line 5) != "$pg_socket_dir" ]] ||
            ! sql postgres 'SELECT 1' >/dev/null 2>&1; then
            stop_cluster
        fi
    fi
    write_access_rules
    cluster_is_running || launch_cluster
    make_database
    BUSBAR_DATABASE_URL=$(cluster_url "$pg_socket_dir")
    export BUSBAR_DATABASE_URL
}

# Starts a cluster again that has ended although nobody asked it to, for as long as this script
# lives. One that ends again and again is left alone for longer and longer, up to five minutes.
watch_cluster() {
    local started=$SECONDS wait=0
    trap - EXIT INT TERM HUP
    while sleep 2 && kill -0 $$ 2>/dev/null; do
        if cluster_is_running; then continue; fi
        if ((SECONDS - started > 600)); then wait=0; fi
        if ((SECONDS - started < wait)); then continue; fi
        started=$SECONDS
        wait=$((wait == 0 ? 10 : wait < 150 ? 2 * wait : 300))
        say "PostgreSQL in $pg_cluster has ended: starting it again"
        if (launch_cluster); then say "PostgreSQL is running again"; fi
    done
}

# Stops the cluster if it is running; open connections are cut, nothing committed is lost.
stop_cluster() {
    [[ -n $pg_bin ]] && cluster_is_running || return 0
    as_owner "$pg_bin/pg_ctl" stop -w -s -t 60 -m fast -D "$pg_cluster" 9>&- >&2 ||
        as_owner "$pg_bin/pg_ctl" stop -w -s -t 30 -m immediate -D "$pg_cluster" 9>&- >&2 ||
        say "PostgreSQL did not stop; its process is $(pid_file_line 1)."
    rmdir -- "$pg_socket_dir" 2>/dev/null || true
}
