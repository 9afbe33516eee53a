# Times prompts inside one interactive-like bash: what bash itself does is evaluate PROMPT_COMMAND.
#
#   bash prompts.bash MODE COUNT PLACE ELSEWHERE HOOK VARIABLE
#
# MODE is `stay` (prompts in PLACE where nothing changes), `enter` (each time from ELSEWHERE), or
# `session` (as `stay`, in a shell that has its environment everywhere).
# HOOK is a file with a tool's hook. VARIABLE must be set in PLACE. Prints microseconds.
mode=$1 count=$2 place=$3 elsewhere=$4 variable=$6
cd "$elsewhere" || exit
source "$5"

prompt() {
  local command
  for command in "${PROMPT_COMMAND[@]}"; do eval "$command"; done
}

refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}

prompt
for i in 1 2 3; do
  cd "$place" || exit
  prompt
  [[ -n ${!variable-} ]] || refuse "$variable is not set in $place"
  if [[ $mode == enter || ($mode == stay && $i == 1) ]]; then
    cd "$elsewhere" || exit
    prompt
    [[ -z ${!variable-} ]] || refuse "$variable is still set in $elsewhere"
  fi
done

for ((i = 0; i < count; i++)); do
  if [[ $mode == enter ]]; then
    cd "$elsewhere" || exit
    prompt
    began=${EPOCHREALTIME/./}
    cd "$place" || exit
    prompt
  else
    began=${EPOCHREALTIME/./}
    prompt
  fi
  ended=${EPOCHREALTIME/./}
  printf '%d\n' $((ended - began))
done
