# shellcheck shell=bash
# What every script shares: the checkout's folder, one-sentence errors, build presets.
# Sourced, never run. Needs bash; changes no setting of the caller.
# shellcheck disable=SC2034  # the variables are for the scripts that source this

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# An object compiled in one clone serves the next one: ccache must not see the folder's name.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$root}" CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR:-true}"

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' green='' red='' plain=''
fi

# Prints one line of progress on stderr.
say() { printf '%s\n' "$*" >&2; }

# Ends the script with one sentence on stderr, exit code 1.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Ends the script because it was called wrongly, exit code 2.
usage_error() {
    printf '%s: %s (see --help)\n' "${0##*/}" "$*" >&2
    exit 2
}

# Prints the caller's own opening comment: each script's help is the comment at its top.
show_help() {
    awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

# How many compilers to run at once: a core each, but 1.2 GB of memory each as well.
build_jobs() {
    local cores memory_kb by_memory
    cores=$(nproc)
    memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
    by_memory=$((${memory_kb:-1200000} / 1200000))
    ((by_memory >= 1)) || by_memory=1
    echo $((cores < by_memory ? cores : by_memory))
}

# configure PRESET: makes build/PRESET; ninja runs CMake again by itself where that is needed.
configure() {
    [[ -f $root/build/$1/build.ninja ]] || (cd "$root" && cmake --preset "$1")
}

# build PRESET [TARGET...]: configures and builds, with the compiler's progress on stdout.
build() {
    local preset=$1 target
    local -a targets=()
    shift
    for target in "$@"; do targets+=(--target "$target"); done
    configure "$preset" &&
        cmake --build "$root/build/$preset" --parallel "$(build_jobs)" "${targets[@]}"
}

# build_quietly PRESET [TARGET...]: as build, but what it printed is shown only where it failed.
build_quietly() {
    local log=$root/build/$1.log
    mkdir -p "$root/build"
    if ! build "$@" >"$log" 2>&1; then
        tail -n 80 "$log"
        say "The build failed; all of its output is in ${log#"$root"/}."
        return 1
    fi
}
