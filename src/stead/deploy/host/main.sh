# COMMAND PROGRAM ROOT RECIPE …; PROGRAM is the name under which this lies on the machine, ROOT
# may be `-` for the usual place, RECIPE for none.

COMMAND=$1 PROGRAM=$2 ROOT=$3 RECIPE=$4
shift 4
HOME=${HOME:-$(cd ~ && pwd)}
[ "$ROOT" != - ] || ROOT=$HOME/.local/share/stead-node
[ "$RECIPE" != - ] || RECIPE=
R=$ROOT/recipes/$RECIPE
SUDO=never SERVICES=auto

# Who asked may be gone; what is begun is ended all the same. Ignored, these signals would stay so
# for all services.
trap : PIPE HUP

# By this an answer is known from what a login prints, or a shell that found no program.
case $COMMAND in command | bounded | watch | supervise | serve) ;; *) echo "stead 1" ;; esac

case $COMMAND in
facts)
    SUDO=$1 SERVICES=$2
    facts_all
    ;;
standing)
    echo "root $ROOT"
    facts_recipe
    ;;
begin)
    SUDO=$4 SERVICES=$5
    begin "$1" "$2" "$3" "$6" "$7"
    ;;
renew) lease_hold "$1" "$2" ;;
deliver)
    lease_hold "$1" "$3"
    receive_all "$1"
    lease_hold "$1" "$3"
    [ "$2" -eq 0 ] || receive_generation "$1" "$2" "$3"
    ;;
command) command_of "$@" ;;
bounded) bounded "$@" ;;
switch) switch_to "$@" ;;
watch) watch "$@" ;;
revert) revert "$@" || fail 95 "what ran before could not be started" ;;
confirm) confirm "$@" ;;
start) start ;;
restart) restart "$@" ;;
collect)
    lease_hold "$1" "$3"
    collect "$2"
    ;;
drop)
    lease_hold "$1" "$3"
    drop "$2"
    ;;
end)
    rmdir "$ROOT/incoming-$1" 2>/dev/null
    lease_drop "$1"
    ;;
remove)
    lease_hold "$1" "$2"
    remove
    ;;
status) status_all ;;
record)
    record_at=$R/current
    [ "$1" -eq 0 ] || record_at=$R/generations/$1
    [ ! -f "$record_at/$2" ] || cat "$record_at/$2"
    ;;
logs) logs_all "$@" ;;
supervise) supervise ;;
serve) serve "$@" ;;
*) fail 95 "unknown: $COMMAND" ;;
esac
