# Stead's hook: the environment of a directory comes and goes with the directory.
# A prompt where nothing changed starts no process, and neither does entering a known place.
# `set` leaves $status alone, hence the `true` where a function's status counts.
if not builtin -n | string match -q path
    echo "stead: the hook needs fish 3.5 or newer; this is $version" >&2
    exit
end
set -g _stead_home @HOME@
set -g _stead_program @PROGRAM@
set -g _stead_names @NAMES@
set -g _stead_format @FORMAT@
set -g _stead_pwd
set -g _stead_env
set -g _stead_state none
set -g _stead_adopt
set -g _stead_force
set -g _stead_applied_turn
set -g _stead_present_turn
for _stead_n in key file place place_env current said past references newly
    set -q _stead_$_stead_n; or set -g _stead_$_stead_n
end

function _stead_hook --on-event fish_prompt
    if test "$PWD" != "$_stead_pwd" -o "$STEAD_ENVIRONMENT" != "$_stead_env"; or not _stead_same
        _stead_update
    end
end

function _stead_same
    switch $_stead_state
        case loaded
            test $_stead_current -ef "$_stead_file"; and _stead_recorded; and _stead_near
            or return 1
            if test -n "$_stead_applied_turn"
                _stead_read_turn; and test "$_stead_present_turn" = "$_stead_applied_turn"; or return 1
            end
            # What was added to PATH by hand belongs to the caller, for programs started from here too.
            if set -q STEAD_ADDED_PATH; and test "$PATH" != "$_stead_new_PATH"
                _stead_rebase PATH
            end
            true
        case pending
            _stead_watched; and _stead_near
        case '*'
            _stead_near
    end
end

function _stead_update
    set -g _stead_e default
    test -n "$STEAD_ENVIRONMENT"; and set _stead_e "$STEAD_ENVIRONMENT"
    set _stead_pwd "$PWD"
    set _stead_env "$STEAD_ENVIRONMENT"
    if not string match -qr '^[A-Za-z0-9][A-Za-z0-9._-]*\z' -- "$_stead_e"
        _stead_say "env $_stead_e" "STEAD_ENVIRONMENT=$_stead_e cannot name an environment"
        _stead_none
        set -g _stead_absent
        return
    end
    _stead_walk
    if test -n "$_stead_found"; and _stead_use "$_stead_found"
        return
    else if test -d "$_stead_at"
        _stead_ask
    else
        _stead_none
    end
end

# The turn of `stead shell` changes whenever its record did.
function _stead_read_turn
    set _stead_present_turn
    test -r "$STEAD_SHELL/turn"; and read _stead_present_turn <"$STEAD_SHELL/turn"
    test -n "$_stead_present_turn"
end

function _stead_none
    _stead_leave
    set _stead_state none
end

# Sets at (the nearest directory with a record or a manifest), found (the record), and absent:
# what must not appear between that directory and this one. In a shell of `stead shell` its
# record is the one for its place, and for where no place is.
function _stead_walk
    set -g _stead_at
    set -g _stead_found
    set -g _stead_absent
    set -l _stead_d "$PWD"
    set -l _stead_s
    if string match -q -- "$_stead_home/places/at/*" "$STEAD_SHELL"; and test -O "$STEAD_SHELL/record/hook.fish"
        set _stead_s "$STEAD_SHELL/record/hook.fish"
    end
    while test -n "$_stead_d" -a "$_stead_d" != / -a "$_stead_d" != "$HOME"
        test -n "$_stead_s"; and _stead_in_session "$_stead_d"; and break
        set -l _stead_p "$_stead_home/places/at$_stead_d/.stead@/$_stead_e/current/hook.fish"
        if test -O "$_stead_p"
            set _stead_at "$_stead_d"
            set _stead_found "$_stead_p"
            break
        end
        for _stead_n in $_stead_names
            set -l _stead_m "$_stead_d/$_stead_n"
            if test -e "$_stead_m"
                if not _stead_is_past "$_stead_m"
                    set _stead_at "$_stead_d"
                    return
                end
            else
                set -a _stead_absent "$_stead_m"
            end
        end
        set _stead_d (string replace -r '/[^/]*\z' '' -- "$_stead_d" | string collect)
    end
    test -n "$_stead_at"; or set _stead_found "$_stead_s"
end

# Whether the place of `stead shell` is this directory; without the user's own hook, all are its.
function _stead_in_session
    set -q _stead_alone; and return 0
    set -l _stead_p (string sub -s (math 11 + (string length -- "$_stead_home")) -- $STEAD_SHELL | string replace -r '/[^/]*/[^/]*\z' '' | string collect)
    test -n "$_stead_p"; or set _stead_p /
    test "$argv[1]" -ef "$_stead_p"
end

function _stead_near
    if set -q _stead_absent[1]; and path is -- $_stead_absent
        return 1
    end
    for _stead_m in $_stead_past
        test -e "$_stead_m"; or continue
        _stead_is_past "$_stead_m"; or return 1
    end
    true
end

function _stead_is_past
    set -l _stead_i (contains -i -- $argv[1] $_stead_past)
    or return 1
    not test $argv[1] -nt $_stead_references[$_stead_i]
    and not test $_stead_references[$_stead_i] -nt $argv[1]
end

# PATH REFERENCE: a manifest that makes no place, as long as it has its reference file's time.
function _stead_pass
    set -l _stead_i (contains -i -- $argv[1] $_stead_past)
    if test -n "$_stead_i"
        set _stead_references[$_stead_i] $argv[2]
    else
        set -a _stead_past $argv[1]
        set -a _stead_references $argv[2]
    end
end

# FILE: applies a record unless it is applied already; fails where it does not hold.
function _stead_use
    set -l _stead_turned
    if test -n "$STEAD_SHELL"; and string match -q -- "$STEAD_SHELL/record/*" $argv[1]; and _stead_read_turn
        set _stead_turned "$_stead_present_turn"
    end
    if test -n "$_stead_key" -a "$_stead_turned" = "$_stead_applied_turn"; and test $argv[1] -ef "$_stead_file"
        _stead_recorded; or return 1
    else
        set _stead_force
        if test -n "$_stead_turned"; and set -q _stead_label
            _stead_before_record
        end
        source $argv[1]; or return 1
    end
    set _stead_applied_turn "$_stead_turned"
    set _stead_current $argv[1]
    set _stead_state loaded
    true
end

function _stead_ask
    set -l _stead_answer (STEAD_ENVIRONMENT="$STEAD_ENVIRONMENT" $_stead_program hook --evaluate fish 2>/dev/null | string collect)
    if test $pipestatus[1] -ne 0 -o -z "$_stead_answer"
        test "$_stead_place" = "$_stead_at"; or _stead_leave
        set _stead_state none
        set -g _stead_absent
        _stead_say "ask $_stead_at" "cannot tell the environment of $_stead_at; try `stead status`"
        return
    end
    eval $_stead_answer
end

# PLACE: its record was just written; what lies between it and here makes no place.
function _stead_again
    set -l _stead_p "$_stead_home/places/at"(string replace -r '/\z' '' -- $argv[1] | string collect)"/.stead@/$_stead_e/current/hook.fish"
    _stead_walk
    test -O "$_stead_p"; and _stead_use "$_stead_p"
end

# PLACE KEEP KEY MESSAGE: there is nothing to apply; with KEEP, what this place has applied stays.
function _stead_pend
    if test -z "$argv[2]" -o "$_stead_place" != "$argv[1]" -o "$_stead_place_env" != "$_stead_e"
        _stead_leave
    end
    set -g _stead_absent
    set _stead_state pending
    if test -n "$argv[4]"
        _stead_say $argv[3] $argv[4]
    end
end

function _stead_say
    if not contains -- $argv[1] $_stead_said
        set -a _stead_said $argv[1]
        printf 'stead: %s\n' (string replace -ra '[[:cntrl:]]' '?' -- $argv[2] | string collect) >&2
    end
end

# KEY FILE PLACE ENV NAME…: leaves what is applied. Where an outer shell has applied just this record,
# its notes stay, and so does what was changed by hand since.
function _stead_begin
    set _stead_adopt
    if test -z "$_stead_key" -a -n "$STEAD_APPLIED" -a "$STEAD_RECORD" = "$argv[1]"
        set _stead_adopt (string split -n ' ' -- $STEAD_APPLIED)
        for _stead_n in $_stead_adopt
            set -g _stead_was_$_stead_n "$$_stead_n"
        end
    else
        # What this place sets once more is its own again: what was here before is as it was noted,
        # and no value made by hand meanwhile.
        if test -n "$_stead_key" -a "$_stead_place" = "$argv[3]" -a "$_stead_place_env" = "$argv[4]"
            for _stead_n in $_stead_sets
                contains -- $_stead_n $argv[5..]; or continue
                set -l _stead_v _stead_new_$_stead_n
                set -gx $_stead_n "$$_stead_v"
            end
        end
        _stead_leave
    end
    set _stead_newly
    set _stead_key $argv[1]
    set _stead_file $argv[2]
    set _stead_place $argv[3]
    set _stead_place_env $argv[4]
end

# NAME…: notes what variables hold that are about to be changed. One that only a universal
# variable gives is hidden by a global one, so erasing that is enough to come back.
function _stead_save
    for _stead_n in $argv
        contains -- $_stead_n $_stead_adopt; and continue
        set -q $_stead_n; or continue
        if set -qx $_stead_n
            set -gx STEAD_OLD_$_stead_n "$$_stead_n"
        end
        if set -qg $_stead_n
            set -g _stead_kept_$_stead_n $$_stead_n
            set -e _stead_exported_$_stead_n
            set -qgx $_stead_n; and set -g _stead_exported_$_stead_n 1
        else
            set -g _stead_hidden_$_stead_n 1
        end
    end
end

function _stead_note
    for _stead_n in $argv
        contains -- $_stead_n (string split ' ' -- $STEAD_APPLIED)
        or set -gx STEAD_APPLIED "$STEAD_APPLIED $_stead_n"
    end
end

# NAME…: takes variables away. One that is not exported reaches no process and stays.
function _stead_drop
    for _stead_n in $argv
        set -qx $_stead_n; or continue
        set _stead_adopt (string match -v -- $_stead_n $_stead_adopt)
        _stead_save $_stead_n
        if set -qg $_stead_n
            set -eg $_stead_n
        end
        if set -qx $_stead_n
            set -gu $_stead_n
        end
        _stead_note $_stead_n
    end
end

# NAME VALUE: sets what is not there.
function _stead_default
    if contains -- $argv[1] $_stead_adopt
        _stead_remember $argv[1]
    else if not set -qx $argv[1]
        _stead_save $argv[1]
        set -gx $argv[1] $argv[2]
        _stead_remember $argv[1]
        _stead_note $argv[1]
    end
end

function _stead_remember
    for _stead_n in $argv
        set -g _stead_new_$_stead_n "$$_stead_n"
        set -a _stead_newly $_stead_n
    end
end

# WRAPPED SEPARATOR ENTRY…: takes entries out of a list that has a separator at both ends.
function _stead_without
    set -l _stead_w $argv[1]
    set -l _stead_s $argv[2]
    for _stead_x in $argv[3..]
        while true
            set -l _stead_r (string replace -- "$_stead_s$_stead_x$_stead_s" $_stead_s $_stead_w | string collect)
            test "$_stead_r" = "$_stead_w"; and break
            set _stead_w "$_stead_r"
        end
    end
    printf %s "$_stead_w"
end

# KIND NAME SEPARATOR ENTRY: puts an entry into a list, after taking it out.
function _stead_list
    set -l _stead_name $argv[2]
    set -l _stead_s $argv[3]
    set -l _stead_added STEAD_ADDED_$_stead_name
    if not contains -- $_stead_name $_stead_newly
        if not contains -- $_stead_name $_stead_adopt
            set -qx $_stead_name; or set -l _stead_hide 1
            _stead_save $_stead_name
            set -q _stead_hide; and set -g $_stead_name
            set -gx $_stead_added ''
        end
        _stead_note $_stead_name $_stead_added
    end
    set -l _stead_v "$$_stead_name"
    set -l _stead_w "$_stead_s"
    test -n "$_stead_v"; and set _stead_w "$_stead_s$_stead_v$_stead_s"
    set -l _stead_r (_stead_without "$_stead_w" $_stead_s $argv[4] | string collect)
    if test "$_stead_r" = "$_stead_w"
        contains -- $argv[4] (string split -- $_stead_s "$$_stead_added")
        or set -gx $_stead_added "$$_stead_added$_stead_s$argv[4]"
    end
    if test $argv[1] = prepend
        set _stead_r (string sub -e -1 -- $_stead_r | string collect)
        set -gx $_stead_name "$argv[4]$_stead_r"
    else
        set _stead_r (string sub -s 2 -- $_stead_r | string collect)
        set -gx $_stead_name "$_stead_r$argv[4]"
    end
    _stead_remember $_stead_name
end

# NAME: takes what was put into a list out of its present value, which becomes the value to
# go back to.
function _stead_rebase
    set -l _stead_added STEAD_ADDED_$argv[1]
    set -l _stead_v "$$argv[1]"
    set -l _stead_a "$$_stead_added"
    if test -n "$_stead_a"
        set -l _stead_s (string sub -l 1 -- $_stead_a)
        set -l _stead_w "$_stead_s"
        test -n "$_stead_v"; and set _stead_w "$_stead_s$_stead_v$_stead_s"
        set _stead_w (_stead_without "$_stead_w" $_stead_s (string split -- $_stead_s (string sub -s 2 -- $_stead_a)) | string collect)
        set _stead_v (string sub -s 2 -e -1 -- $_stead_w | string collect)
        test "$_stead_w" = "$_stead_s"; and set _stead_v
    end
    set -e _stead_kept_$argv[1]
    set -e _stead_hidden_$argv[1]
    if test -n "$_stead_v"
        set -gx STEAD_OLD_$argv[1] "$_stead_v"
    else
        set -e STEAD_OLD_$argv[1]
    end
    _stead_remember $argv[1]
end

# NAME…: all is applied; these were set.
function _stead_end
    set -g _stead_sets $argv
    _stead_remember $argv
    for _stead_n in $_stead_adopt
        set -l _stead_was _stead_was_$_stead_n
        set -l _stead_o STEAD_OLD_$_stead_n
        if not string match -q 'STEAD_*' -- $_stead_n
            _stead_note $_stead_n
            if set -q STEAD_ADDED_$_stead_n
                _stead_rebase $_stead_n
            else if set -q $_stead_n; and test "$$_stead_was" != "$$_stead_o"
                set -gx $_stead_n "$$_stead_was"
            end
        end
        set -e $_stead_was
    end
    set _stead_adopt
end

# Takes back what was applied here or in an outer shell. What was changed by hand since stays;
# of a list, only what was put into it goes.
function _stead_leave
    for _stead_n in (string match -r '^[A-Za-z_][A-Za-z0-9_]*$' -- (string split -n ' ' -- "$STEAD_APPLIED"))
        set -l _stead_o STEAD_OLD_$_stead_n
        set -l _stead_k _stead_kept_$_stead_n
        set -l _stead_v _stead_new_$_stead_n
        if set -q STEAD_ADDED_$_stead_n
            test "$$_stead_n" = "$$_stead_v"; or _stead_rebase $_stead_n
        else if test -n "$_stead_key"; and not string match -q 'STEAD_*' -- $_stead_n
            if set -q $_stead_v
                if not set -q $_stead_n; or test "$$_stead_n" != "$$_stead_v"
                    set -e $_stead_o $_stead_k _stead_hidden_$_stead_n
                    continue
                end
            else if set -qx $_stead_n
                set -e $_stead_o $_stead_k _stead_hidden_$_stead_n
                continue
            end
        end
        if set -q $_stead_k
            if set -q _stead_exported_$_stead_n
                set -gx $_stead_n $$_stead_k
            else
                set -gu $_stead_n $$_stead_k
            end
        else if set -q $_stead_o; and not set -q _stead_hidden_$_stead_n
            set -gx $_stead_n "$$_stead_o"
        else
            set -eg $_stead_n
        end
        set -e $_stead_o $_stead_k _stead_exported_$_stead_n _stead_hidden_$_stead_n
    end
    for _stead_n in $_stead_newly
        set -e _stead_new_$_stead_n
    end
    set -e STEAD_APPLIED
    set _stead_newly
    set _stead_key
    set _stead_file
    set _stead_place
    set _stead_place_env
end
