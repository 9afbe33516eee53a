# The supervisor: one process per recipe in a session of its own, and below it one keeper per
# service, which starts it again when it ends. A service has a session of its own, so that all it
# started can be signalled together. Marks in `run/` say `PID BORN`, which no later process with
# the same number can be taken for.

SUPERVISE_GRACE=10

supervisor_start() {
    supervisor_stop
    rm -f "$R"/run/service.* "$R"/run/restarts.*
    supervisor_pid=$(detached "$R/logs/supervisor.log" sh "$ROOT/host/$PROGRAM.sh" supervise \
        "$PROGRAM" "$ROOT" "$RECIPE")
    # It writes its own number when it is there.
    supervisor_left=100
    while [ "$supervisor_left" -gt 0 ]; do
        supervisor_left=$((supervisor_left - 1))
        supervisor_lives && return 0
        [ -n "$supervisor_pid" ] || break
        nap
    done
    echo "the supervisor did not start" >&2
    return 1
}

supervise() {
    mkdir -p "$R/run" "$R/logs"
    supervise_self=$$
    supervise_born=$(born $$)
    mark "$R/run/supervisor" "$supervise_self $supervise_born $PROGRAM.sh"
    supervise_at=$(cd -P "$R/current" && pwd) || exit 1
    while read -r supervise_name; do
        keep_running "$supervise_name" "$supervise_at/run/$supervise_name" &
    done <"$supervise_at/services"
    supervise_most=$(line_of "$supervise_at/log")
    while sleep 5; do
        for supervise_log in "$R"/logs/*.log; do
            # Services write at the end of these, wherever that is.
            [ -z "$(find "$supervise_log" -size +"${supervise_most:-8192}" 2>/dev/null)" ] ||
                { cp "$supervise_log" "$supervise_log.1" && : >"$supervise_log"; }
        done
    done
}

keep_running() {
    keep_wait=1
    keep_count=0
    while :; do
        keep_began=$(now)
        detached_service "$1" "$2" &
        keep_pid=$!
        wait "$keep_pid"
        keep_code=$?
        # What it left behind would be in the way of the next.
        kill -s KILL -- "-$keep_pid" 2>/dev/null
        echo "stead: $1 ended with $keep_code" >>"$R/logs/$1.log"
        keep_count=$((keep_count + 1))
        mark "$R/run/restarts.$1" "$keep_count"
        [ $(($(now) - keep_began)) -lt 60 ] || keep_wait=1
        sleep "$keep_wait"
        [ "$keep_wait" -ge 30 ] || keep_wait=$((keep_wait * 2))
    done
}

detached_service() {
    if have setsid; then
        exec setsid sh "$ROOT/host/$PROGRAM.sh" serve \
            "$PROGRAM" "$ROOT" "$RECIPE" "$1" "$2" "$supervise_self" "$supervise_born" \
            </dev/null >>"$R/logs/$1.log" 2>&1
    fi
    set -m 2>/dev/null
    exec sh "$ROOT/host/$PROGRAM.sh" serve \
            "$PROGRAM" "$ROOT" "$RECIPE" "$1" "$2" "$supervise_self" "$supervise_born" \
        </dev/null >>"$R/logs/$1.log" 2>&1
}

# Become the service, known by its number. Who stops a recipe ends the supervisor first and reads
# the numbers then: whoever wrote its own too late sees here that it is not wanted any more.
serve() {
    mark "$R/run/service.$1" "$$ $(born $$)"
    alive "$3" "$4" || exit 0
    umask 022
    TERM=
    bare sh "$2"
}

# Whether this recipe has a supervisor; its number is in supervisor_is.
supervisor_lives() {
    # shellcheck disable=SC2046 # its words are wanted
    set -- $(mark_of "$R/run/supervisor")
    supervisor_is=${1:-0}
    alive "$supervisor_is" "${2:-0}"
}

supervisor_stop() {
    [ -d "$R/run" ] || return 0
    # Its keepers are of its session's group; the services are not.
    while supervisor_lives; do
        kill -s KILL -- "-$supervisor_is" 2>/dev/null || kill -s KILL "$supervisor_is" 2>/dev/null
        nap
    done
    supervised_signal TERM
    supervisor_until=$(($(now) + SUPERVISE_GRACE))
    while supervised_signal 0; do
        if [ "$(now)" -ge "$supervisor_until" ]; then
            supervised_signal KILL
            supervisor_until=$(($(now) + 1))
        fi
        nap
    done
    rm -f "$R"/run/service.* "$R/run/supervisor"
}

# Signal every service's group; false where none is left.
supervised_signal() {
    supervised_any=1
    for supervised_file in "$R"/run/service.*; do
        # shellcheck disable=SC2046 # its words are wanted
        set -- "$1" $(mark_of "$supervised_file")
        [ -n "${3:-}" ] && group_ours "$2" "$3" || continue
        supervised_any=0
        [ "$1" = 0 ] || kill -s "$1" -- "-$2" 2>/dev/null
    done
    return $supervised_any
}

# Whether something lives of the group of the process PID that began at BORN, though this may be
# gone: a number is not given to another process while a group is called by it. The dead whom
# nobody buries do not count.
group_ours() {
    alive "$1" "$2" && return
    [ -d /proc/self ] && [ -z "$(born "$1")" ] || return 1
    for group_stat in /proc/[0-9]*/stat; do
        read -r group_stat 2>/dev/null <"$group_stat" || continue
        # shellcheck disable=SC2086 # its fields are wanted
        set -- "$1" "$2" ${group_stat##*) }
        [ "$5" != "$1" ] || [ "$3" = Z ] || return 0
    done
    return 1
}

# Lines of `status`, for a service that the supervisor keeps.
supervised_state() {
    supervised_count=$(mark_of "$R/run/restarts.$1")
    # shellcheck disable=SC2046 # its words are wanted
    set -- "$1" $(mark_of "$R/run/service.$1")
    if ! supervisor_lives; then
        supervised_state=stopped
    elif alive "${2:-0}" "${3:-0}"; then
        supervised_state=running
    else
        supervised_state=restarting
    fi
    [ $supervised_state = running ] || set -- "$1" 0
    echo "service $1 $supervised_state $2 ${supervised_count:-0}"
}
