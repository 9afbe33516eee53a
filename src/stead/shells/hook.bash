# Stead's hook: the environment of a directory comes and goes with the directory.
# A prompt where nothing changed starts no process, and neither does entering a known place.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  builtin printf '%s\n' "stead: the hook needs bash 4.4 or newer; this is $BASH_VERSION" >&2
else
_stead_home=@HOME@
_stead_program=@PROGRAM@
_stead_names=(@NAMES@)
_stead_format=@FORMAT@
_stead_pwd= _stead_env= _stead_state=none _stead_between=() _stead_adopt= _stead_turn=0
_stead_applied_turn= _stead_present_turn=
: "${_stead_key=}" "${_stead_file=}" "${_stead_place=}" "${_stead_place_env=}" "${_stead_current=}" "${_stead_adopted=}"
# new: values as they were put. kept: how to declare again what was no plain exported variable.
# said: messages given. past: manifests that make no place, with their reference files.
builtin declare -gA _stead_new _stead_kept _stead_said _stead_past _stead_was
# A bash started without PATH has one of its own that it keeps to itself.
builtin export PATH

_stead_hook() {
  local _stead_status=$? -
  builtin set +eux
  if [[ $PWD != "$_stead_pwd" || ${STEAD_ENVIRONMENT-} != "$_stead_env" ]] || ! _stead_same; then
    _stead_update
  fi
  builtin return "$_stead_status"
}

_stead_same() {
  case $_stead_state in
    loaded)
      [[ $_stead_current -ef $_stead_file ]] && _stead_recorded && _stead_near || builtin return 1
      if [[ -n $_stead_applied_turn ]]; then
        _stead_read_turn && [[ $_stead_present_turn == "$_stead_applied_turn" ]] || builtin return 1
      fi
      # What was added to PATH by hand belongs to the caller, for programs started from here too.
      if [[ -n ${STEAD_ADDED_PATH+x} && $PATH != "${_stead_new[PATH]-}" ]]; then
        _stead_rebase PATH
      fi
      ;;
    pending) _stead_watched && _stead_near ;;
    *) _stead_near ;;
  esac
}

_stead_update() {
  local _stead_e=${STEAD_ENVIRONMENT:-default} _stead_found= _stead_at= IFS=$' \t\n'
  _stead_pwd=$PWD _stead_env=${STEAD_ENVIRONMENT-}
  if [[ $_stead_e == *[!A-Za-z0-9._-]* || $_stead_e == [!A-Za-z0-9]* ]]; then
    _stead_say "env $_stead_e" "STEAD_ENVIRONMENT=$_stead_e cannot name an environment"
    _stead_none
    _stead_between=()
    builtin return
  fi
  _stead_walk
  if [[ -n $_stead_found ]] && _stead_use "$_stead_found"; then
    builtin return
  elif [[ -d $_stead_at ]]; then
    _stead_ask
  else
    _stead_none
  fi
}

# The turn of `stead shell` changes whenever its record did.
_stead_read_turn() {
  builtin read -r _stead_present_turn 2>/dev/null <"$STEAD_SHELL/turn"
  [[ -n $_stead_present_turn ]]
}

_stead_none() {
  _stead_leave
  _stead_state=none
}

# Sets at (the nearest directory with a record or a manifest), found (the record), and between:
# the directories below that one, where a manifest may appear. In a shell of `stead shell` its
# record is the one for its place, and for where no place is.
_stead_walk() {
  local _stead_d=$PWD _stead_p _stead_s=${STEAD_SHELL-}
  [[ $_stead_s == "$_stead_home"/places/at/* && -O $_stead_s/record/hook.bash ]] || _stead_s=
  _stead_found= _stead_at= _stead_between=()
  while [[ -n $_stead_d && $_stead_d != / && $_stead_d != "${HOME-}" ]]; do
    [[ -z $_stead_s ]] || ! _stead_in_session "$_stead_d" || builtin break
    _stead_p=$_stead_home/places/at$_stead_d/.stead@/$_stead_e/current/hook.bash
    if [[ -O $_stead_p ]]; then
      _stead_at=$_stead_d _stead_found=$_stead_p
      builtin break
    elif _stead_counts "$_stead_d"; then
      _stead_at=$_stead_d
      builtin break
    fi
    _stead_between+=("$_stead_d")
    _stead_d=${_stead_d%/*}
  done
  if [[ -z $_stead_at && -n $_stead_s ]]; then _stead_found=$_stead_s/record/hook.bash; fi
}

# Whether the place of `stead shell` is this directory; without the user's own hook, all are its.
_stead_in_session() {
  local _stead_p=${STEAD_SHELL#"$_stead_home/places/at"}
  _stead_p=${_stead_p%/*/*}
  [[ -n ${_stead_alone-} || $1 -ef ${_stead_p:-/} ]]
}

# Whether a directory has a manifest that is not known to make no place.
_stead_counts() {
  local _stead_d=$1 _stead_n _stead_f _stead_r
  [[ @ANY@ ]] || builtin return 1
  for _stead_n in "${_stead_names[@]}"; do
    _stead_f=$1/$_stead_n
    if [[ -e $_stead_f ]]; then
      _stead_r=${_stead_past[$_stead_f]-}
      [[ -n $_stead_r && ! $_stead_f -nt $_stead_r && ! $_stead_r -nt $_stead_f ]] || builtin return 0
    fi
  done
  builtin return 1
}

_stead_near() {
  local _stead_d
  for _stead_d in "${_stead_between[@]}"; do
    # One test for any manifest: it is made at every prompt.
    if [[ @ANY@ ]]; then
      ! _stead_counts "$_stead_d" || builtin return 1
    fi
  done
}

# FILE: applies a record unless it is applied already; fails where it does not hold.
_stead_use() {
  local _stead_turned=
  if [[ -n ${STEAD_SHELL-} && $1 == "$STEAD_SHELL"/record/* ]] && _stead_read_turn; then
    _stead_turned=$_stead_present_turn
  fi
  if [[ -n $_stead_key && $1 -ef $_stead_file && $_stead_turned == "$_stead_applied_turn" ]]; then
    _stead_recorded || builtin return 1
  else
    local _stead_force=
    [[ -z ${_stead_label-} || -z $_stead_turned ]] || _stead_before_record
    builtin source "$1" || builtin return 1
  fi
  _stead_applied_turn=$_stead_turned
  _stead_current=$1
  _stead_state=loaded
}

_stead_ask() {
  local _stead_answer
  if ! _stead_answer=$(STEAD_ENVIRONMENT=${STEAD_ENVIRONMENT-} \
    "$_stead_program" hook --evaluate bash 2>/dev/null) || [[ -z $_stead_answer ]]; then
    [[ $_stead_place == "$_stead_at" ]] || _stead_leave
    _stead_state=none
    _stead_between=()
    _stead_say "ask $_stead_at" "cannot tell the environment of $_stead_at; try \`stead status\`"
    builtin return
  fi
  builtin eval "$_stead_answer"
}

# PLACE: its record was just written; what lies between it and here makes no place.
_stead_again() {
  local _stead_p=$_stead_home/places/at${1%/}/.stead@/$_stead_e/current/hook.bash
  _stead_walk
  [[ -O $_stead_p ]] && _stead_use "$_stead_p"
}

# PLACE KEEP KEY MESSAGE: there is nothing to apply; with KEEP, what this place has applied stays.
_stead_pend() {
  if [[ -z $2 || $_stead_place != "$1" || $_stead_place_env != "$_stead_e" ]]; then
    _stead_leave
  fi
  _stead_between=()
  _stead_state=pending
  if [[ -n $4 ]]; then _stead_say "$3" "$4"; fi
}

# PATH REFERENCE: a manifest that makes no place, as long as it has its reference file's time.
_stead_pass() {
  _stead_past[$1]=$2
}

_stead_say() {
  if [[ -z ${_stead_said[$1]-} ]]; then
    _stead_said[$1]=1
    builtin printf 'stead: %s\n' "${2//[[:cntrl:]]/?}" >&2
  fi
}

# KEY FILE PLACE ENV NAMES: leaves what is applied. Where an outer shell has applied just this record,
# its notes stay, and so does what was changed by hand since.
_stead_begin() {
  local _stead_n
  _stead_was=() _stead_adopt=
  if [[ -z $_stead_key && ${STEAD_RECORD-} == "$1" && -n ${STEAD_APPLIED-} ]]; then
    _stead_adopt=" $STEAD_APPLIED "
    for _stead_n in $STEAD_APPLIED; do
      [[ $_stead_n == *[!A-Za-z0-9_]* ]] || _stead_was[$_stead_n]=${!_stead_n-}
    done
  elif [[ -n ${STEAD_APPLIED+x} ]]; then
    [[ -z $_stead_key || $_stead_place != "$3" || $_stead_place_env != "$4" ]] || _stead_put_again "$5"
    _stead_leave
  fi
  _stead_adopted=${_stead_adopt:+1} _stead_saved=()
  _stead_new=() _stead_key=$1 _stead_file=$2 _stead_place=$3 _stead_place_env=$4
}

# NAMES: what this place sets once more is its own again: what was here before is as it was noted,
# and no value made by hand meanwhile.
_stead_put_again() {
  local _stead_i
  for _stead_i in "${_stead_values[@]}"; do
    [[ " $1 " != *" ${_stead_i%%=*} "* ]] || builtin export "$_stead_i"
  done
}

# NAME…: notes what variables hold that are about to be set.
_stead_save() {
  local _stead_n _stead_all
  for _stead_n; do
    [[ -n ${!_stead_n+x} && $_stead_adopt != *" $_stead_n "* ]] || builtin continue
    _stead_all="$_stead_n[@]"
    case ${!_stead_n@a} in
      *r*) ;;
      x) builtin export "STEAD_OLD_$_stead_n=${!_stead_n}" ;;
      *)
        if [[ ${!_stead_n@a} == *x* ]]; then
          builtin export "STEAD_OLD_$_stead_n=${!_stead_n}"
        fi
        _stead_kept[$_stead_n]=${!_stead_all@A}
        builtin unset -v "$_stead_n"
        ;;
    esac
  done
}

_stead_note() {
  [[ " $STEAD_APPLIED " == *" $1 "* ]] || STEAD_APPLIED+=" $1"
}

# NAME…: takes variables away. One that is not exported reaches no process and stays.
_stead_drop() {
  local _stead_n
  for _stead_n; do
    [[ -n ${!_stead_n+x} ]] || builtin continue
    case ${!_stead_n@a} in
      *r*) builtin continue ;;
      x) ;;
      *x*) _stead_kept[$_stead_n]=${!_stead_n@A} ;;
      *) builtin continue ;;
    esac
    builtin export "STEAD_OLD_$_stead_n=${!_stead_n}"
    builtin unset -v "$_stead_n"
    _stead_note "$_stead_n"
  done
}

# NAME VALUE: sets what is not there.
_stead_default() {
  if [[ $_stead_adopt == *" $1 "* ]]; then
    _stead_new[$1]=$2
  elif [[ ${!1@a} != *x* ]]; then
    _stead_save "$1"
    builtin export "$1=$2"
    _stead_new[$1]=$2
    _stead_note "$1"
  fi
}

# KIND NAME SEPARATOR ENTRY: puts an entry into a list, after taking it out.
_stead_list() {
  local _stead_n _stead_w _stead_x=$3$4$3
  if [[ -z ${_stead_new[$2]+x} ]]; then
    if [[ $_stead_adopt != *" $2 "* ]]; then
      _stead_save "$2"
      builtin export "STEAD_ADDED_$2="
    fi
    _stead_note "$2"
    _stead_note "STEAD_ADDED_$2"
  fi
  _stead_w=$3${!2:+${!2}$3}
  if [[ $4 == *"$3"* || $_stead_w != *"$_stead_x"* ]]; then
    _stead_n=STEAD_ADDED_$2
    [[ "${!_stead_n-}$3" == *"$_stead_x"* ]] || builtin export "$_stead_n=${!_stead_n-}$3$4"
  else
    while [[ $_stead_w == *"$_stead_x"* ]]; do
      _stead_w=${_stead_w%%"$_stead_x"*}$3${_stead_w#*"$_stead_x"}
    done
  fi
  if [[ $1 == prepend ]]; then
    builtin export "$2=$4${_stead_w%"$3"}"
  else
    builtin export "$2=${_stead_w#"$3"}$4"
  fi
  _stead_new[$2]=${!2}
}

# NAME: takes what was put into a list out of its present value, which becomes the value to
# go back to.
_stead_rebase() {
  local _stead_n=STEAD_ADDED_$1 _stead_w _stead_x _stead_s _stead_l
  _stead_l=${!_stead_n-}
  _stead_s=${_stead_l:0:1}
  _stead_w=$_stead_s${!1:+${!1}$_stead_s}
  while [[ -n $_stead_l ]]; do
    _stead_l=${_stead_l:1}
    _stead_x=$_stead_s${_stead_l%%"$_stead_s"*}$_stead_s
    while [[ $_stead_w == *"$_stead_x"* ]]; do
      _stead_w=${_stead_w%%"$_stead_x"*}$_stead_s${_stead_w#*"$_stead_x"}
    done
    _stead_l=${_stead_l:${#_stead_x}-2}
  done
  if [[ $_stead_w == "$_stead_s" ]]; then
    builtin unset -v "STEAD_OLD_$1"
  else
    _stead_w=${_stead_w#"$_stead_s"}
    builtin export "STEAD_OLD_$1=${_stead_w%"$_stead_s"}"
  fi
  builtin unset -v "_stead_kept[$1]"
  _stead_new[$1]=${!1-}
}

# Saves the variables that are about to be set.
_stead_save_sets() {
  _stead_saved=("${_stead_values[@]%%=*}")
  _stead_save "${_stead_saved[@]}"
}

# All is applied: gives back what was changed by hand where an outer shell had applied it.
_stead_end() {
  local _stead_n _stead_o
  [[ -n $_stead_adopt ]] || builtin return 0
  for _stead_n in $_stead_adopt; do
    _stead_o=STEAD_OLD_$_stead_n
    case $_stead_n in
      STEAD_* | *[!A-Za-z0-9_]*) ;;
      *)
        _stead_note "$_stead_n"
        if [[ -n ${!_stead_n+x} ]]; then
          _stead_o=${!_stead_o-}
          if _stead_is_list "$_stead_n"; then
            _stead_rebase "$_stead_n"
          elif [[ ${_stead_was[$_stead_n]} != "$_stead_o" ]]; then
            builtin export "$_stead_n=${_stead_was[$_stead_n]}"
          fi
        fi
        ;;
    esac
  done
  _stead_adopt=
}

_stead_is_list() {
  local _stead_n=STEAD_ADDED_$1
  [[ -n ${!_stead_n+x} ]]
}

# NAME: gives a variable back what it held.
_stead_restore() {
  local _stead_o=STEAD_OLD_$1
  if [[ -n ${_stead_kept[$1]-} ]]; then
    builtin unset -v "$1"
    builtin eval "${_stead_kept[$1]/#declare /declare -g }"
  elif [[ -n ${!_stead_o+x} ]]; then
    builtin export "$1=${!_stead_o}"
  else
    builtin unset -v "$1"
  fi
  builtin unset -v "$_stead_o"
}

# Takes back what was applied here or in an outer shell. What was changed by hand since stays;
# of a list, only what was put into it goes. Where nothing was, all that was set goes at once.
_stead_leave() {
  local _stead_n _stead_i _stead_l=${STEAD_APPLIED-} _stead_sets _stead_got _stead_put IFS=$' \t\n'
  if [[ -z $_stead_key ]]; then
    _stead_new=()
  else
    _stead_sets=("${_stead_values[@]%%=*}")
    # One text of all values against another. A variable that is gone puts one more separator
    # into the first than the second has, and so does one that holds a separator.
    builtin printf -v _stead_i "\${%s-\$_stead_separator}\$_stead_separator" "${_stead_sets[@]}"
    builtin eval "_stead_got=\"$_stead_i\""
    builtin printf -v _stead_put "%s$_stead_separator" "${_stead_values[@]#*=}"
    if [[ -z $_stead_adopted && $_stead_got == "$_stead_put" ]]; then
      builtin unset -v "${_stead_sets[@]}"
      for _stead_n in "${_stead_saved[@]}"; do
        _stead_restore "$_stead_n"
      done
      # Counted, for taking a long text off the front as a pattern takes a millisecond.
      _stead_i="${_stead_sets[*]}"
      _stead_l=${_stead_l:${#_stead_i}}
    else
      for _stead_i in "${_stead_values[@]}"; do
        _stead_new[${_stead_i%%=*}]=${_stead_i#*=}
      done
    fi
  fi
  for _stead_n in $_stead_l; do
    [[ $_stead_n != *[!A-Za-z0-9_]* && $_stead_n != [0-9]* ]] || builtin continue
    if _stead_is_list "$_stead_n"; then
      [[ ${!_stead_n-} == "${_stead_new[$_stead_n]-}" ]] || _stead_rebase "$_stead_n"
    elif [[ -n $_stead_key && $_stead_n != STEAD_* ]] &&
      [[ ${!_stead_n+x}${!_stead_n-} != "${_stead_new[$_stead_n]+x}${_stead_new[$_stead_n]-}" ]]; then
      builtin unset -v "STEAD_OLD_$_stead_n" "_stead_kept[$_stead_n]"
      builtin continue
    fi
    _stead_restore "$_stead_n"
  done
  builtin unset -v STEAD_APPLIED
  _stead_new=() _stead_kept=() _stead_key= _stead_file= _stead_place= _stead_place_env=
}

if [[ ${PROMPT_COMMAND[*]-} != *_stead_hook* ]]; then
  PROMPT_COMMAND="_stead_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
fi
fi
