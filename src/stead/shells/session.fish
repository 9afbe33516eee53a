# Stead's session: what only the child shell of `stead shell` does. The hook's code comes before.
# A prompt where nothing changed starts no process.
set -g _stead_label @LABEL@
set -g _stead_owner @OWNER@
set -g _stead_shell @DIRECTORY@
set -g _stead_hand @HAND@
set -g _stead_seen
set -g _stead_fresh
@MANIFESTS@
function _stead_unhand
end

# The hook is called from here, so that it comes right before this.
functions -c _stead_hook _stead_follow
functions -e _stead_hook

function _stead_session --on-event fish_prompt
    _stead_follow
    if test "$_stead_state" = loaded; and string match -q -- "$STEAD_SHELL/record/*" "$_stead_current"
        _stead_look
    end
    if test -d /proc/self; and not test -d /proc/$_stead_owner
        _stead_say owner "the process of this session is gone; what is staged is kept: leave, then `stead shell --resume`"
    end
end

# What was changed on the line that leaves is noticed too.
function _stead_at_exit --on-event fish_exit
    if test -z "$_stead_fresh"; and string match -q -- "$STEAD_SHELL/record/*" "$_stead_current"
        _stead_look --quiet
    end
end

# What the shell changes by itself is left out, so that the text is the same until a person changes it.
function _stead_dump
    set -g _stead_text
    for _stead_n in (set -nx)
        switch $_stead_n
            case PWD OLDPWD SHLVL _ COLUMNS LINES 'STEAD_*'
            case '*'
                set -a _stead_text "$_stead_n=$$_stead_n"
        end
    end
end

function _stead_look
    _stead_dump
    if test -n "$_stead_fresh"
        set _stead_fresh
        printf '%s\0' $_stead_text >"$_stead_shell/base" 2>/dev/null
        if test -n "$_stead_hand"; or not _stead_manifests
            _stead_notice --applied
            _stead_dump
        end
    else if test "$_stead_text" != "$_stead_seen"; or not _stead_manifests
        _stead_notice $argv; or return 0
    end
    set -g _stead_seen $_stead_text
end

# Says what was changed by hand; Stead gets it all as its own environment.
function _stead_notice
    set -l _stead_answer ($_stead_program hook --notice fish $argv 2>/dev/null | string collect)
    test $pipestatus[1] -eq 0 -a -n "$_stead_answer"; and eval $_stead_answer
end

# Before a record takes the place of another, what was changed by hand since is noticed, and all
# that was is taken back: it is put on top again afterwards.
function _stead_before_record
    if test -n "$_stead_key" -a -z "$_stead_fresh"; and string match -q -- "$STEAD_SHELL/record/*" "$_stead_file"
        _stead_look --quiet
    end
    _stead_unhand
    set _stead_fresh 1
end

functions -q fish_prompt; or function fish_prompt
    echo -n '> '
end
functions -c fish_prompt _stead_prompt_before
function _stead_status
    return $argv[1]
end
function fish_prompt
    set -l _stead_was $status
    set -l _stead_m "($_stead_label) "
    test -e "$STEAD_SHELL/staged"; and set _stead_m "($_stead_label*) "
    echo -n "$_stead_m"
    _stead_status $_stead_was
    _stead_prompt_before
end
