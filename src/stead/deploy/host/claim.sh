# Claims: of numbered marks, the one with the highest number counts. Who makes the next number has
# the claim, and only one can. Older marks are removed, all but the one before; so who makes a
# number that others have had and left sees a higher one, and does not have the claim.

# The highest number of PREFIX.*, and what that mark says, in claim_last and claim_said.
claim_look() {
    claim_last=0
    for claim_file in "$1".[0-9]*; do
        claim_number=${claim_file##*.}
        case $claim_number in '' | *[!0-9]*) continue ;; esac
        [ "$claim_file" = "$1.$claim_number" ] || continue
        [ "$claim_number" -le "$claim_last" ] || claim_last=$claim_number
    done
    claim_said=
    [ "$claim_last" -eq 0 ] || claim_said=$(mark_of "$1.$claim_last")
}

# Make number claim_last + 1 of PREFIX, saying TEXT; false where somebody was faster.
claim_next() {
    claim_next=$((claim_last + 1))
    if ! ln -s -- "$2" "$1.$claim_next" 2>/dev/null; then
        [ -L "$1.$claim_next" ] || fail 93 "cannot write $1"
        return 1
    fi
    claim_mine=$claim_next
    claim_look "$1"
    if [ "$claim_last" -ne "$claim_mine" ]; then
        rm -f "$1.$claim_mine"
        return 1
    fi
    claim_number=$((claim_mine - 2))
    while [ "$claim_number" -gt 0 ] && [ -L "$1.$claim_number" ]; do
        rm -f "$1.$claim_number"
        claim_number=$((claim_number - 1))
    done
}

# Say TEXT in the claim that one has.
claim_say() { mark "$1.$claim_last" "$2"; }

# The lease: `TOKEN EXPIRY WHO`. Only one deploys to a root at a time. Who is not heard of until
# the lease expires has lost it as soon as somebody else wants it.
lease_take() {
    while :; do
        claim_look "$ROOT/lease"
        # shellcheck disable=SC2086 # its words are wanted
        set -- "$1" "$2" "$3" $claim_said
        if [ "${5:-0}" -gt "$(now)" ] && [ "$4" != "$1" ]; then
            printf 'held %s\n' "${claim_said#* * }"
            fail 90 "$((${5} - $(now)))"
        fi
        claim_next "$ROOT/lease" "$1 $(($(now) + $2)) $3" && return
    done
}

# Go on with the lease of TOKEN, for as many seconds; ends the program where it is lost.
lease_hold() {
    lease_mine "$1"
    claim_say "$ROOT/lease" "$1 $(($(now) + $2)) ${claim_said#* * }"
    # Somebody may have taken it since it was looked at.
    lease_mine "$1"
}

# End the program where the lease is not TOKEN's any more.
lease_mine() {
    claim_look "$ROOT/lease"
    [ "${claim_said%% *}" = "$1" ] || fail 91 "the lease was lost"
}

lease_drop() {
    claim_look "$ROOT/lease"
    [ "${claim_said%% *}" != "$1" ] || claim_say "$ROOT/lease" "- 0 -"
}

# Whether TOKEN has the lease and was heard of.
lease_stands() {
    claim_look "$ROOT/lease"
    # shellcheck disable=SC2086 # its words are wanted
    set -- "$1" $claim_said
    [ "${2:-}" = "$1" ] && [ "${3:-0}" -gt "$(now)" ]
}

# The turn: `PID BORN`, for the moments in which a recipe's services are exchanged. A dead
# process has none.
turn_take() {
    turn_self=$$
    while :; do
        claim_look "$R/turn"
        # shellcheck disable=SC2086 # its words are wanted
        set -- $claim_said
        if [ "${1:-0}" != "$turn_self" ] && alive "${1:-0}" "${2:-0}"; then
            nap
        elif claim_next "$R/turn" "$turn_self $(born $turn_self)"; then
            return
        fi
    done
}

turn_end() {
    claim_look "$R/turn"
    [ "${claim_said%% *}" != "$$" ] || claim_say "$R/turn" "0 0"
}
