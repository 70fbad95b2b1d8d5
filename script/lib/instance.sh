# shellcheck shell=bash
# Which Busbar is meant: its configuration file, its data directory, its database. The environment
# wins over the configuration, the configuration over the defaults, as in the program itself.
# Sourced after common.sh, never run.
# shellcheck disable=SC2034,SC2154  # variables come from and go to the other scripts

# Sets what the scripts need of an instance. $1: configuration file or "" for the usual places.
#   config_file      "" where there is none
#   data_dir         absolute, may not exist yet
#   external_url     database URL of a server that is not ours to start, or ""
find_instance() {
    local from_file
    local -a values=()
    config_file=${1:-${BUSBAR_CONFIG:-}}
    data_dir=${BUSBAR_DATA_DIR:-$root/var}
    if [[ -z $config_file && -f $data_dir/busbar.toml ]]; then config_file=$data_dir/busbar.toml; fi
    external_url=${BUSBAR_DATABASE_URL:-}
    if [[ -n $config_file ]]; then
        [[ -f $config_file && -r $config_file ]] ||
            die "cannot read the configuration file '$config_file':" \
                "check that it is a file, its name and its permissions."
        config_file=$(realpath -- "$config_file")
        from_file=$(read_configuration "$config_file")
        mapfile -t values <<<"$from_file"
        if [[ -z ${BUSBAR_DATA_DIR:-} && -n ${values[0]:-} ]]; then data_dir=${values[0]}; fi
        if [[ -z $external_url ]]; then external_url=${values[1]:-}; fi
    fi
    data_dir=$(realpath -m -- "$data_dir")
}

# Prints two lines: data.dir and database.url of a TOML file, empty where they are not given. A file
# that is wrong gives nothing: before anything starts, the program itself lists what is wrong.
read_configuration() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import sys
import tomllib

def text(table, section, key):
    part = table.get(section)
    value = part.get(key) if isinstance(part, dict) else None
    return value if isinstance(value, str) and "\n" not in value else ""

try:
    with open(sys.argv[1], "rb") as file:
        table = tomllib.load(file)
except (OSError, ValueError):
    table = {}
print(text(table, "data", "dir"))
print(text(table, "database", "url"))
PYTHON
}

# Makes the data directory, which others can pass through but not list, and checks that it can be
# written to and that its disk has room.
make_data_dir() {
    local probe
    # shellcheck disable=SC2174  # the mode is meant for the last folder
    [[ -d $data_dir ]] || mkdir -p -m 0711 -- "$data_dir" 2>/dev/null ||
        die "cannot make the data directory '$data_dir': choose another one with BUSBAR_DATA_DIR."
    probe=$(mktemp "$data_dir/.writable.XXXXXX" 2>/dev/null) ||
        die "cannot write to the data directory '$data_dir' as $(id -un):" \
            "change its owner, free space on its disk, or choose another one with BUSBAR_DATA_DIR."
    rm -f -- "$probe"
    require_space "$data_dir"
}

# Ends the script where the disk of a folder is as good as full.
require_space() {
    local free_kb
    free_kb=$(df -Pk -- "$1" | awk 'NR == 2 { print $4 }')
    ((free_kb >= 102400)) ||
        die "the disk of '$1' is full ($((free_kb / 1024)) MB left): free at least 100 MB," \
            "or choose another data directory with BUSBAR_DATA_DIR."
}

# Holds the data directory for this process and whoever inherits descriptor 9, until all have ended.
lock_data_dir() {
    [[ ! -e $data_dir/.lock || -w $data_dir/.lock ]] ||
        die "'$data_dir' was last used by $(stat -c %U -- "$data_dir/.lock"):" \
            "run this as that user, or with sudo."
    exec 9<>"$data_dir/.lock"
    if ! flock -n 9; then
        die "another server (process $(head -n 1 <&9)) is running on '$data_dir':" \
            "stop it, or choose another data directory with BUSBAR_DATA_DIR."
    fi
    note_lock_holder $$
}

# Writes into the lock file which process to stop.
note_lock_holder() { printf '%s\n' "$1" >"$data_dir/.lock"; }

# Prints the process of the server that runs on a data directory; fails if none does.
running_server() {
    local process program
    process=$(head -n 1 -- "$1/.lock" 2>/dev/null) || return 1
    [[ $process =~ ^[0-9]+$ ]] || return 1
    # Whose server it is not gets no look at its program, but at its name.
    program=$(cat "/proc/$process/comm" 2>/dev/null) || return 1
    [[ $program == busbar ]] && printf '%s\n' "$process"
}
