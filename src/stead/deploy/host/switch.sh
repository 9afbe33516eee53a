# The switch from one generation to another, and the way back.
#
# `pending` says `NEW OLD TOKEN DEADLINE` from before the switch until the new generation is
# confirmed. A watchdog, started on this machine before anything is switched, goes back to OLD when
# the deadline has passed or nobody renews the lease any more; the next deploy does so where even
# the watchdog was ended. Services of two generations never run at once: all of one are stopped,
# `current` is changed in one step, all of the other are started. `pending` stays until that has
# worked: whoever finds it tries again.

switch_to() {
    lease_hold "$1" "$3"
    [ -d "$R/generations/$2" ] || fail 96 "there is no generation $2"
    turn_take
    # It may have been waited for.
    lease_mine "$1"
    switch_pending=$(mark_of "$R/pending")
    if [ -n "$switch_pending" ]; then
        # A way back that did not work: what is current was never confirmed.
        switch_old=${switch_pending#* }
        switch_old=${switch_old%% *}
    else
        switch_old=$(generation_now)
    fi
    mark "$R/pending" "$2 $switch_old $1 $(($(now) + $4))"
    rm -f "$R/run/watch"
    detached "$R/logs/watch.log" sh "$ROOT/host/$PROGRAM.sh" watch "$PROGRAM" "$ROOT" "$RECIPE" "$1" "$2" >/dev/null
    switch_left=100
    while [ ! -L "$R/run/watch" ]; do
        switch_left=$((switch_left - 1))
        if [ "$switch_left" -eq 0 ]; then
            if [ -n "$switch_pending" ]; then
                mark "$R/pending" "$switch_pending"
            else
                rm -f "$R/pending"
            fi
            turn_end
            fail 95 "the watchdog did not start"
        fi
        nap
    done
    echo "watched"
    if ! exchange "$2"; then
        if exchange "$switch_old"; then
            rm -f "$R/pending"
            turn_end
            fail 95 "the services could not be started; what ran before runs again"
        fi
        turn_end
        fail 95 "neither the services nor what ran before could be started"
    fi
    turn_end
    echo "switched $2 $switch_old"
}

# Let the services of generation N run instead of those that do; 0 is none. False where that did
# not work, however it ended.
exchange() {
    (
        trap : PIPE HUP
        exchange_now "$1"
    )
}

exchange_now() {
    services_stop
    if [ "$1" = 0 ]; then
        rm -f "$R/current" || return 1
        units_remove
        return 0
    else
        relink "generations/$1" "$R/current" || return 1
        start_file
        services_start
    fi
}

# What may be called when the machine has started, where nothing else starts a supervisor.
start_file() {
    {
        echo 'here=$(cd "${0%/*}" && pwd) || exit 1'
        echo "exec sh \"\${here%/recipes/*}/host/$PROGRAM.sh\" start $PROGRAM \"\${here%/recipes/*}\" $RECIPE"
    } >"$R/.start" 2>/dev/null && mv -f "$R/.start" "$R/start"
}

# Start what should run and does not.
start() {
    start_code=0
    [ ! -L "$R/pending" ] || revert || start_code=95
    turn_take
    services_stand || exchange "$(generation_now)" || start_code=95
    turn_end
    return $start_code
}

# Wait for what becomes of a switch, and go back where nothing does; again and again, ever more
# seldom, until that has worked.
watch() {
    mark "$R/run/watch" "$$ $(born $$)"
    watch_pause=1
    while sleep "$watch_pause"; do
        watch_pending=$(mark_of "$R/pending")
        # shellcheck disable=SC2086 # its words are wanted
        set -- "$1" "$2" $watch_pending
        [ "${3:-}" = "$2" ] && [ "${5:-}" = "$1" ] || return 0
        if [ "$(now)" -ge "$6" ] || ! lease_stands "$1"; then
            revert "$1" "$2" || watch_pause=$((watch_pause < 30 ? watch_pause * 2 : 60))
        fi
    done
}

# Go back to what ran before a switch that was not confirmed; with a TOKEN and a number, only from
# that switch. False where that could not be done.
revert() {
    turn_take
    revert_code=0
    revert_pending=$(mark_of "$R/pending")
    # shellcheck disable=SC2086 # its words are wanted
    set -- "${1:-}" "${2:-}" $revert_pending
    if [ -n "${4:-}" ] && { [ -z "$1" ] || [ "$1" = "$5" ]; } && { [ -z "$2" ] || [ "$2" = "$3" ]; }; then
        if exchange "$4"; then
            rm -f "$R/pending"
            echo "reverted $3 $4"
        else
            revert_code=95
        fi
    fi
    turn_end
    return $revert_code
}

confirm() {
    lease_hold "$1" "$3"
    turn_take
    confirm_pending=$(mark_of "$R/pending")
    # shellcheck disable=SC2086 # its words are wanted
    set -- "$1" "$2" $confirm_pending
    if [ "${3:-}" != "$2" ] || [ "${5:-}" != "$1" ]; then
        turn_end
        fail 91 "the machine went back before"
    fi
    mark "$R/generations/$2/confirmed" "$1"
    rm -f "$R/pending"
    turn_end
}

# Start again what the current generation should run.
restart() {
    lease_hold "$1" "$2"
    turn_take
    restart_code=0
    exchange "$(generation_now)" || restart_code=95
    turn_end
    [ $restart_code -eq 0 ] || fail $restart_code "the services could not be started"
}

remove() {
    turn_take
    exchange 0 || {
        turn_end
        fail 95 "the services could not be stopped"
    }
    rm -f "$R/pending"
    turn_end
    discard "$R/generations"
    rm -rf "$R/run" "$R/logs" "$R"/turn.* "$R/last" "$R/start" "$R/project"
    rmdir "$R/data" 2>/dev/null
    rmdir "$R" 2>/dev/null
    collect_unnamed
}

# Whose the recipe is: of one name there may be several projects' on a machine. What nobody has is
# taken by who deploys (`take`); another's is left alone: TOKEN PROJECT HOW
begin_project() {
    begin_owner=$(mark_of "$R/project")
    if [ -n "$2" ] && [ -z "$begin_owner" ]; then
        [ "$3" != take ] || mark "$R/project" "$2"
    elif [ -n "$2" ] && [ "$begin_owner" != "$2" ]; then
        lease_drop "$1"
        fail 97 "$begin_owner"
    fi
}

# NEW OLD TOKEN DEADLINE, as was found: a switch of anybody since is another's.
begin_revert() { revert "$3" "$1"; }

begin() {
    mkdir -p "$ROOT" "$R" 2>/dev/null || {
        [ ! -d "$ROOT" ] || spoiled "$ROOT" 93 "cannot write $ROOT"
        fail 93 "cannot write $ROOT"
    }
    lease_take "$1" "$2" "$3"
    begin_project "$1" "$4" "$5"
    # What is left of others is theirs no more as long as this is.
    begin_pending=$(mark_of "$R/pending")
    lease_hold "$1" "$2"
    receive_prepare "$1"
    if [ -n "$begin_pending" ]; then
        lease_hold "$1" "$2"
        # shellcheck disable=SC2086 # its words are wanted
        begin_revert $begin_pending || echo "unsettled"
    fi
    facts_all
    for begin_tree in "$ROOT"/trees/*; do
        [ ! -d "$begin_tree" ] || echo "tree ${begin_tree##*/}"
    done
    begin_last=$(mark_of "$R/last")
    echo "next $((${begin_last:-0} + 1))"
}
