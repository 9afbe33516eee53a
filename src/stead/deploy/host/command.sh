# One-off commands of a generation, by its number (0: the current one) and their names.

command_of() {
    command_at=$1 command_name=$2
    shift 2
    [ "$command_at" -ne 0 ] || command_at=$(generation_now)
    [ -f "$R/generations/$command_at/commands/$command_name" ] || fail 96 "there is no command $command_name"
    umask 022
    bare sh "$R/generations/$command_at/commands/$command_name" "$@"
}

# One that is ended with the lease of TOKEN, and after so many SECONDS (0: with the lease alone):
# TOKEN SECONDS NUMBER NAME …
bounded() {
    bounded_token=$1 bounded_seconds=$2 bounded_until=0
    shift 2
    [ "$bounded_seconds" -eq 0 ] || bounded_until=$(($(now) + bounded_seconds))
    set -- sh "$ROOT/host/$PROGRAM.sh" command "$PROGRAM" "$ROOT" "$RECIPE" "$@"
    # A session of its own lets all that it starts be ended with it.
    if have setsid; then setsid "$@" </dev/null & else "$@" </dev/null & fi
    bounded_pid=$!
    (
        trap '' HUP PIPE
        while bounded_goes_on; do sleep 1; done
        for bounded_signal in TERM KILL; do
            kill -s $bounded_signal -- "-$bounded_pid" || kill -s $bounded_signal "$bounded_pid"
            sleep 1
        done
    ) </dev/null >/dev/null 2>&1 &
    bounded_watch=$!
    # Waiting ends at a signal too.
    while :; do
        wait "$bounded_pid"
        bounded_code=$?
        kill -0 "$bounded_pid" 2>/dev/null || break
    done
    if [ "$bounded_code" -gt 128 ] && ! bounded_goes_on; then
        # It may have left some that do not listen to the first signal.
        wait "$bounded_watch"
        lease_stands "$bounded_token" || fail 91 "the lease was lost"
        fail 124 "did not end within $bounded_seconds s"
    fi
    kill "$bounded_watch" 2>/dev/null
    exit "$bounded_code"
}

bounded_goes_on() {
    { [ "$bounded_until" -eq 0 ] || [ "$(now)" -lt "$bounded_until" ]; } && lease_stands "$bounded_token"
}
