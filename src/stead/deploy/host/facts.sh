# What the machine is and has. Nothing is changed.

facts_init() {
    if [ "$SERVICES" = supervise ]; then
        echo none
    elif [ -d /run/systemd/system ] && have systemctl; then
        if [ "$(id -u)" -eq 0 ]; then
            echo systemd
        elif [ "$SUDO" = services ] && sudo -n systemctl --version >/dev/null 2>&1; then
            echo systemd
        elif [ -e "/var/lib/systemd/linger/$(id -un)" ] && user_bus && systemctl --user show-environment >/dev/null 2>&1; then
            echo systemd-user
        else
            echo none
        fi
    else
        echo none
    fi
}

# A user's own systemd is found by this, which a session without a terminal may lack.
user_bus() {
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    export XDG_RUNTIME_DIR
    [ -d "$XDG_RUNTIME_DIR" ]
}

facts_libraries() {
    if have ldconfig; then
        ldconfig -p 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\.so[^ ]*\) .*/library \1/p'
    fi
    for facts_directory in /lib /usr/lib /lib64 /usr/lib64; do
        ls "$facts_directory" 2>/dev/null | sed -n 's/^\([^ ]*\.so[^ ]*\)$/library \1/p'
    done
}

facts_all() {
    echo "system $(uname -s)"
    echo "machine $(uname -m)"
    facts_libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>/dev/null | sed -n '1s/.*[Gg][Ll][Ii][Bb][Cc].* \([0-9.]*\)$/glibc \1/p')
    case $facts_libc in glibc*) echo "$facts_libc" ;; esac
    echo "user $(id -un)"
    echo "home ${HOME:-/}"
    echo "root $ROOT"
    echo "init $(facts_init)"
    facts_at=$ROOT
    while [ ! -d "$facts_at" ]; do
        facts_at=${facts_at%/*}
        facts_at=${facts_at:-/}
    done
    df -Pk "$facts_at" 2>/dev/null | facts_free
    [ -w "$facts_at" ] || echo "writable no"
    [ -f "$ROOT/host/$PROGRAM.sh" ] || echo "program no"
    facts_recipe
    facts_ports
    facts_held
    facts_libraries | sort -u
}

facts_free() {
    read -r _
    read -r _ _ _ facts_blocks _ && echo "free $((facts_blocks * 1024))"
}

facts_held() {
    for facts_file in "$ROOT"/parts/*.tar.gz; do
        facts_file=${facts_file##*/}
        [ "$facts_file" = '*.tar.gz' ] || echo "part ${facts_file%.tar.gz}"
    done
}

# Lines `port RECIPE PORT SERVICE`, of all recipes but this one.
facts_ports() {
    for facts_file in "$ROOT"/recipes/*/current/ports; do
        [ -f "$facts_file" ] || continue
        facts_other=${facts_file%/current/ports}
        facts_other=${facts_other##*/}
        [ "$facts_other" = "$RECIPE" ] || sed "s/^/port $facts_other /" "$facts_file"
    done
}

facts_recipe() {
    [ -n "$RECIPE" ] && [ -d "$R" ] || return 0
    [ ! -L "$R/project" ] || echo "project $(mark_of "$R/project")"
    facts_current=$(generation_now)
    [ "$facts_current" != 0 ] || return 0
    echo "generation $facts_current"
    echo "digest $(line_of "$R/current/digest")"
    if [ -L "$R/pending" ] || ! services_stand; then
        echo "standing no"
    fi
}

status_all() {
    claim_look "$ROOT/lease"
    # shellcheck disable=SC2086 # its words are wanted
    set -- $claim_said
    [ "${2:-0}" -le "$(now)" ] || echo "held ${claim_said#* * }"
    [ -d "$R" ] || return 0
    [ ! -L "$R/project" ] || echo "project $(mark_of "$R/project")"
    status_current=$(generation_now)
    echo "current $status_current"
    echo "digest $(line_of "$R/current/digest")"
    for status_at in "$R"/generations/[0-9]*; do
        [ -d "$status_at" ] || continue
        status_words=
        [ "${status_at##*/}" != "$status_current" ] || status_words=" current"
        [ -L "$status_at/confirmed" ] || status_words="$status_words unconfirmed"
        echo "generation ${status_at##*/} $(line_of "$status_at/made") $(line_of "$status_at/digest")$status_words"
    done
    services_states
}

logs_all() {
    logs_current=$R/current
    [ -f "$logs_current/services" ] || fail 96 "nothing is deployed"
    while read -r logs_name; do
        [ -z "$1" ] || [ "$1" = "$logs_name" ] || continue
        service_log "$logs_name" "$2" "${3:-}" | sed "s/^/$logs_name | /"
    done <"$logs_current/services"
}
