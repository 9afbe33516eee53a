# What runs on a machine that Stead deploys to: a POSIX shell's program, in pieces that are put
# together and sent as one file. It needs tar, gzip and the usual small tools. What it prints are
# lines `key value`; what went wrong goes to standard error, and into the exit code:
#   90 somebody else deploys   91 the lease was lost   92 no space   93 not allowed
#   94 what came is not what was sent   95 not possible here   96 not there
#   97 what is there belongs to another project

set -u
umask 077
LC_ALL=C
export LC_ALL
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export PATH

fail() {
    fail_code=$1
    shift
    printf '%s\n' "$*" >&2
    exit "$fail_code"
}

have() { command -v "$1" >/dev/null 2>&1; }

now() { date +%s; }

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# The moment a process began, which tells it from a later one with its number.
born() {
    if [ -d /proc/self ]; then
        born_stat=
        read -r born_stat 2>/dev/null <"/proc/$1/stat" || return 1
        # shellcheck disable=SC2086 # its fields are wanted
        set -- ${born_stat##*) }
        [ "$1" != Z ] || return 1
        shift 19
        printf '%s\n' "$1"
    else
        ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' _
    fi
}

# Whether the process PID that began at BORN still runs.
alive() {
    [ "${1:-0}" -gt 1 ] 2>/dev/null && [ "$(born "$1" 2>/dev/null)" = "${2:-none}" ]
}

# Run a command in a session of its own, so that nothing sent to this one reaches it. Prints its
# process number.
detached() {
    detached_to=$1
    shift
    if have setsid; then
        setsid "$@" </dev/null >>"$detached_to" 2>&1 &
    else
        (
            set -m 2>/dev/null
            trap '' HUP
            exec "$@"
        ) </dev/null >>"$detached_to" 2>&1 &
    fi
    printf '%s\n' "$!"
}

# Become a command in an environment as bare as systemd's: it gets what its generation says.
bare() {
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME="${HOME:-/}" USER="$(id -un)" LOGNAME="$(id -un)" ${TERM:+"TERM=$TERM"} "$@"
}

# Put a link in another's place in one step. `mv` alone would move it into the directory that the
# other stands for.
relink() {
    rm -f "$2.new" && ln -s "$1" "$2.new" || return 1
    mv -T "$2.new" "$2" 2>/dev/null || mv -h "$2.new" "$2" 2>/dev/null ||
        perl -e 'rename $ARGV[0], $ARGV[1] or exit 1' "$2.new" "$2" 2>/dev/null ||
        { rm -f "$2" && mv "$2.new" "$2"; }
}

# Marks are short texts, kept as links to nowhere: made in one step, whole or not at all, and on a
# full disk as well, where the way back must still be found.
mark() {
    # Under a name that nobody takes for a mark who looks meanwhile.
    mark_new=${1%/*}/.new-$$-${1##*/}
    rm -f "$mark_new"
    ln -s -- "$2" "$mark_new" && mv -f "$mark_new" "$1" || {
        rm -f "$mark_new"
        fail 93 "cannot write $1"
    }
}

mark_of() { readlink "$1" 2>/dev/null; }

# Remove directories that may not be written.
discard() {
    for discard_it; do
        [ -e "$discard_it" ] || continue
        rm -rf "$discard_it" 2>/dev/null || {
            chmod -R u+w "$discard_it" 2>/dev/null
            rm -rf "$discard_it"
        }
    done
}

# Fail because something could not be written in a directory, with the code for a full disk if that
# is why: DIRECTORY CODE TEXT [what to remove …]
spoiled() {
    spoiled_at=$1 spoiled_code=$2 spoiled_text=$3
    shift 3
    if [ -w "$spoiled_at" ] && ! (printf '%8192s' x >"$spoiled_at/.room.$$") 2>/dev/null; then
        spoiled_code=92 spoiled_text="no space left where $ROOT lies"
        # What is kept for going on would only be in the way of what runs.
        set -- "$@" "$ROOT"/incoming-*
    fi
    cd /
    rm -f "$spoiled_at/.room.$$"
    discard "$@"
    fail "$spoiled_code" "$spoiled_text"
}

# What a file of one line holds; nothing where there is none.
line_of() {
    line_of=
    [ -f "$1" ] && read -r line_of <"$1"
    printf '%s\n' "$line_of"
}

generation_now() {
    generation_now=$(mark_of "$R/current")
    generation_now=${generation_now##*/}
    printf '%s\n' "${generation_now:-0}"
}
