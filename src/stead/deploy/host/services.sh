# Services: units where systemd runs, else kept running by a supervisor of our own. Each
# generation says which (`manager`); its services' names stand in `services`, how one is started
# in `run/NAME`.

manager_of() { line_of "$1/manager"; }

control() {
    case $control_kind in
    systemd)
        if [ "$(id -u)" -eq 0 ]; then systemctl "$@"; else sudo -n systemctl "$@"; fi
        ;;
    systemd-user)
        user_bus
        systemctl --user "$@"
        ;;
    esac
}

# Start what the current generation has.
services_start() {
    [ -f "$R/current/services" ] || return 0
    control_kind=$(manager_of "$R/current")
    logs_begin
    if [ "$control_kind" = none ]; then
        supervisor_start
    else
        units_link && control daemon-reload || return 1
        # How often they were started again counts from now.
        set --
        while read -r services_name; do
            set -- "$@" "stead-$RECIPE-$services_name.service"
        done <"$R/current/services"
        [ $# -eq 0 ] || control reset-failed "$@" 2>/dev/null
        control start "stead-$RECIPE.target"
    fi
}

# Stop what the current generation has, and whatever else of this recipe runs.
services_stop() {
    if [ -f "$R/current/services" ]; then
        control_kind=$(manager_of "$R/current")
        if [ "$control_kind" != none ]; then
            set --
            while read -r services_name; do
                set -- "$@" "stead-$RECIPE-$services_name.service"
            done <"$R/current/services"
            control stop "stead-$RECIPE.target" "$@" 2>/dev/null
            for services_unit; do
                if control --quiet is-active "$services_unit"; then
                    fail 93 "$services_unit could not be stopped"
                fi
            done
        fi
    fi
    supervisor_stop
}

units_directory() {
    case $control_kind in
    systemd) echo /etc/systemd/system ;;
    systemd-user) echo "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user" ;;
    esac
}

as_manager() {
    if [ "$control_kind" = systemd ] && [ "$(id -u)" -ne 0 ]; then sudo -n "$@"; else "$@"; fi
}

# Link the current generation's units to where systemd looks, through `current`: what changes
# with it needs no other step. Links to what is gone are removed.
units_link() {
    units_at=$(units_directory)
    units_wants=$units_at/multi-user.target.wants
    [ "$control_kind" = systemd ] || units_wants=$units_at/default.target.wants
    as_manager mkdir -p "$units_wants" || return 1
    for units_unit in "$R"/current/units/*; do
        units_link=$units_at/${units_unit##*/}
        [ "$(readlink "$units_link")" != "$units_unit" ] || continue
        if [ -e "$units_link" ] || [ -L "$units_link" ]; then
            echo "$units_link is there already, and not of this recipe" >&2
            return 1
        fi
        as_manager ln -s "$units_unit" "$units_link" || return 1
    done
    units_link=$units_wants/stead-$RECIPE.target
    [ -L "$units_link" ] || as_manager ln -s "$R/current/units/stead-$RECIPE.target" "$units_link" || return 1
    units_clear
}

units_clear() {
    for units_link in "$units_at"/stead-"$RECIPE"-*.service "$units_at/stead-$RECIPE.target" "$units_wants/stead-$RECIPE.target"; do
        [ -L "$units_link" ] && [ ! -e "$units_link" ] || continue
        case $(readlink "$units_link") in
        "$R"/current/*) as_manager rm -f "$units_link" ;;
        esac
    done
}

# After the last generation is gone.
units_remove() {
    for control_kind in systemd systemd-user; do
        units_at=$(units_directory)
        [ -d "$units_at" ] || continue
        units_wants=$units_at/multi-user.target.wants
        [ "$control_kind" = systemd ] || units_wants=$units_at/default.target.wants
        [ ! -L "$units_at/stead-$RECIPE.target" ] || {
            units_clear
            control daemon-reload
        }
    done
}

# Lines `service NAME STATE PID RESTARTS`.
services_states() {
    [ -f "$R/current/services" ] || return 0
    control_kind=$(manager_of "$R/current")
    while read -r services_name; do
        if [ "$control_kind" = none ]; then
            supervised_state "$services_name"
        else
            control show -p ActiveState,SubState,MainPID,NRestarts "stead-$RECIPE-$services_name.service" </dev/null |
                unit_state "$services_name"
        fi
    done <"$R/current/services"
}

unit_state() {
    unit_pid=0 unit_restarts=0 unit_active='' unit_sub=''
    while IFS='=' read -r unit_key unit_value; do
        case $unit_key in
        MainPID) unit_pid=$unit_value ;;
        NRestarts) unit_restarts=$unit_value ;;
        ActiveState) unit_active=$unit_value ;;
        SubState) unit_sub=$unit_value ;;
        esac
    done
    case $unit_active/$unit_sub in
    active/running) unit_state=running ;;
    activating/auto-restart*) unit_state=restarting ;;
    activating/*) unit_state=running ;;
    failed/*) unit_state=failed ;;
    *) unit_state=stopped ;;
    esac
    echo "service $1 $unit_state $unit_pid $unit_restarts"
}

# Whether all that should run does, or is on its way to.
services_stand() {
    ! services_states | grep -q -v -E ' (running|restarting) [0-9]+ [0-9]+$'
}

# Note from where on logs are of what starts now: a size of our own, a moment of the journal's.
logs_begin() {
    while read -r logs_name; do
        if [ "$control_kind" = none ]; then
            logs_from=$(log_size "$logs_name")
        else
            logs_from=$(date +%s.%N)
            case $logs_from in
            *[!0-9.]*) logs_from=$(now) ;;
            esac
        fi
        (mark "$R/run/began.$logs_name" "$logs_from") 2>/dev/null
    done <"$R/current/services"
}

log_size() {
    log_size=0
    [ ! -f "$R/logs/$1.log" ] || log_size=$(($(wc -c <"$R/logs/$1.log")))
    echo "$log_size"
}

# The last lines of a service: NAME LINES [began, for those alone that came since it was started]
service_log() {
    control_kind=$(manager_of "$R/current")
    service_from=
    [ "${3:-}" != began ] || service_from=$(mark_of "$R/run/began.$1")
    case $control_kind in
    none)
        # A log that is smaller by now was begun anew since.
        [ "$(log_size "$1")" -ge "${service_from:-0}" ] || service_from=0
        tail -c "+$((${service_from:-0} + 1))" "$R/logs/$1.log" 2>/dev/null | tail -n "$2"
        ;;
    systemd)
        if [ "$(id -u)" -eq 0 ] || journalctl -q -n 1 -u "stead-$RECIPE-$1.service" 2>/dev/null | grep -q .; then
            journal "$1" "$2" "$service_from" journalctl
        else
            journal "$1" "$2" "$service_from" sudo -n journalctl
        fi
        ;;
    systemd-user)
        user_bus
        journal "$1" "$2" "$service_from" journalctl --user
        ;;
    esac
}

# What the journal has of a service: NAME LINES MOMENT COMMAND …
journal() {
    journal_name=$1 journal_lines=$2 journal_from=$3
    shift 3
    "$@" -q -o cat -n "$journal_lines" ${journal_from:+--since "@$journal_from"} \
        -u "stead-$RECIPE-$journal_name.service" </dev/null
}
