# Stead's hook: the environment of a directory comes and goes with the directory.
# A prompt where nothing changed starts no process, and neither does entering a known place.
typeset -g _stead_home=@HOME@ _stead_program=@PROGRAM@ _stead_format=@FORMAT@
typeset -ga _stead_names=(@NAMES@) _stead_between=() _stead_saved _stead_sets
typeset -g _stead_pwd= _stead_env= _stead_state=none _stead_turn=0
typeset -g _stead_applied_turn= _stead_present_turn=
: "${_stead_key=}" "${_stead_file=}" "${_stead_place=}" "${_stead_place_env=}" "${_stead_current=}" "${_stead_adopted=}"
typeset -g _stead_adopt=
# new: values as they were put. kept: how to declare again what was no plain exported variable.
# said: messages given. past: manifests that make no place, with their reference files.
typeset -gA _stead_new _stead_kept _stead_said _stead_past _stead_was

_stead_hook() {
  builtin emulate -L zsh
  builtin setopt typeset_silent no_aliases
  if [[ $PWD != "$_stead_pwd" || ${STEAD_ENVIRONMENT-} != "$_stead_env" ]] || ! _stead_same; then
    _stead_update ask
  fi
}

# A known place is entered with the directory, so that `cd place && command` runs in it;
# what has to be looked at waits for the prompt.
_stead_chpwd() {
  builtin emulate -L zsh
  builtin setopt typeset_silent no_aliases
  _stead_update
}

_stead_same() {
  case $_stead_state in
    (loaded)
      [[ $_stead_current -ef $_stead_file ]] && _stead_recorded && _stead_near || return 1
      if [[ -n $_stead_applied_turn ]]; then
        _stead_read_turn && [[ $_stead_present_turn == "$_stead_applied_turn" ]] || return 1
      fi
      # What was added to PATH by hand belongs to the caller, for programs started from here too.
      if [[ -n ${STEAD_ADDED_PATH+x} && $PATH != "${_stead_new[PATH]-}" ]]; then
        _stead_rebase PATH
      fi
      ;;
    (pending) _stead_watched && _stead_near ;;
    (*) _stead_near ;;
  esac
}

_stead_update() {
  local _stead_e=${STEAD_ENVIRONMENT:-default} _stead_found= _stead_at= _stead_ask=${1-}
  _stead_pwd=$PWD _stead_env=${STEAD_ENVIRONMENT-}
  if [[ $_stead_e == *[^A-Za-z0-9._-]* || $_stead_e == [^A-Za-z0-9]* ]]; then
    _stead_say "env $_stead_e" "STEAD_ENVIRONMENT=$_stead_e cannot name an environment"
    _stead_none
    _stead_between=()
    return
  fi
  _stead_walk
  if [[ -n $_stead_found ]] && _stead_use "$_stead_found"; then
    return
  elif [[ -d $_stead_at && -z $_stead_ask ]]; then
    _stead_pwd=
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
  [[ $_stead_s == "$_stead_home"/places/at/* && -O $_stead_s/record/hook.zsh ]] || _stead_s=
  _stead_found= _stead_at= _stead_between=()
  while [[ -n $_stead_d && $_stead_d != / && $_stead_d != "${HOME-}" ]]; do
    [[ -z $_stead_s ]] || ! _stead_in_session "$_stead_d" || break
    _stead_p=$_stead_home/places/at$_stead_d/.stead@/$_stead_e/current/hook.zsh
    if [[ -O $_stead_p ]]; then
      _stead_at=$_stead_d _stead_found=$_stead_p
      break
    elif _stead_counts "$_stead_d"; then
      _stead_at=$_stead_d
      break
    fi
    _stead_between+=("$_stead_d")
    _stead_d=${_stead_d%/*}
  done
  if [[ -z $_stead_at && -n $_stead_s ]]; then _stead_found=$_stead_s/record/hook.zsh; fi
}

# Whether the place of `stead shell` is this directory; without the user's own hook, all are its.
_stead_in_session() {
  local _stead_p=${STEAD_SHELL#"$_stead_home/places/at"}
  _stead_p=${_stead_p%/*/*}
  [[ -n ${_stead_alone-} || $1 -ef ${_stead_p:-/} ]]
}

# Whether a directory has any manifest: one test, for it is made at every prompt.
_stead_any() {
  [[ @ANY@ ]]
}

# Whether a directory has a manifest that is not known to make no place.
_stead_counts() {
  _stead_any "$1" || return 1
  local _stead_n _stead_f _stead_r
  for _stead_n in "${_stead_names[@]}"; do
    _stead_f=$1/$_stead_n
    if [[ -e $_stead_f ]]; then
      _stead_r=${_stead_past[$_stead_f]-}
      [[ -n $_stead_r && ! $_stead_f -nt $_stead_r && ! $_stead_r -nt $_stead_f ]] || return 0
    fi
  done
  return 1
}

_stead_near() {
  local _stead_d
  for _stead_d in "${_stead_between[@]}"; do
    ! _stead_counts "$_stead_d" || return 1
  done
}

# FILE: applies a record unless it is applied already; fails where it does not hold.
_stead_use() {
  local _stead_turned=
  if [[ -n ${STEAD_SHELL-} && $1 == "$STEAD_SHELL"/record/* ]] && _stead_read_turn; then
    _stead_turned=$_stead_present_turn
  fi
  if [[ -n $_stead_key && $1 -ef $_stead_file && $_stead_turned == "$_stead_applied_turn" ]]; then
    _stead_recorded || return 1
  else
    local _stead_force=
    [[ -z ${_stead_label-} || -z $_stead_turned ]] || _stead_before_record
    builtin source "$1" || return 1
  fi
  _stead_applied_turn=$_stead_turned
  _stead_current=$1
  _stead_state=loaded
}

_stead_ask() {
  local _stead_answer
  if ! _stead_answer=$(STEAD_ENVIRONMENT=${STEAD_ENVIRONMENT-} \
    "$_stead_program" hook --evaluate zsh 2>/dev/null) || [[ -z $_stead_answer ]]; then
    [[ $_stead_place == "$_stead_at" ]] || _stead_leave
    _stead_state=none
    _stead_between=()
    _stead_say "ask $_stead_at" "cannot tell the environment of $_stead_at; try \`stead status\`"
    return
  fi
  builtin eval "$_stead_answer"
}

# PLACE: its record was just written; what lies between it and here makes no place.
_stead_again() {
  local _stead_p=$_stead_home/places/at${1%/}/.stead@/$_stead_e/current/hook.zsh
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
    for _stead_n in ${=STEAD_APPLIED}; do
      [[ $_stead_n == *[^A-Za-z0-9_]* ]] || _stead_was[$_stead_n]=${(P)_stead_n-}
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
  local _stead_n _stead_i _stead_rest=$_stead_put
  for _stead_n in "${_stead_sets[@]}"; do
    _stead_i=${_stead_rest%%"$_stead_between_values"*}
    _stead_rest=${_stead_rest:$((${#_stead_i} + 1))}
    [[ " $1 " != *" $_stead_n "* ]] || builtin export "$_stead_n=${_stead_i#x}"
  done
}

# NAME…: notes what variables hold that are about to be set.
_stead_save() {
  local _stead_n
  for _stead_n in "$@"; do
    [[ -n ${(P)_stead_n+x} && $_stead_adopt != *" $_stead_n "* ]] || continue
    case ${(Pt)_stead_n} in
      (*readonly*) ;;
      (scalar-export) builtin export "STEAD_OLD_$_stead_n=${(P)_stead_n}" ;;
      (scalar)
        _stead_kept[$_stead_n]="typeset -g $_stead_n=${(qq)${(P)_stead_n}}"
        builtin unset "$_stead_n"
        ;;
      (*special*)
        if [[ ${(Pt)_stead_n} == *export* ]]; then
          builtin export "STEAD_OLD_$_stead_n=${(P)_stead_n}"
        else
          _stead_kept[$_stead_n]="typeset -g +x $_stead_n=${(qq)${(P)_stead_n}}"
        fi
        ;;
      (*)
        if [[ ${(Pt)_stead_n} == *export* ]]; then
          builtin export "STEAD_OLD_$_stead_n=${(P)_stead_n}"
        fi
        _stead_kept[$_stead_n]="$(builtin typeset -p "$_stead_n")"
        builtin unset "$_stead_n"
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
  for _stead_n in "$@"; do
    [[ -n ${(P)_stead_n+x} ]] || continue
    case ${(Pt)_stead_n} in
      (*readonly*) continue ;;
      (scalar-export | *-special*export* | *export*special*) ;;
      (*export*) _stead_kept[$_stead_n]="$(builtin typeset -p "$_stead_n")" ;;
      (*) continue ;;
    esac
    builtin export "STEAD_OLD_$_stead_n=${(P)_stead_n}"
    builtin unset "$_stead_n"
    _stead_note "$_stead_n"
  done
}

# NAME VALUE: sets what is not there.
_stead_default() {
  if [[ $_stead_adopt == *" $1 "* ]]; then
    _stead_new[$1]=$2
  elif [[ ${(Pt)1} != *export* ]]; then
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
  _stead_w=$3${(P)2:+${(P)2}$3}
  if [[ $4 == *"$3"* || $_stead_w != *"$_stead_x"* ]]; then
    _stead_n=STEAD_ADDED_$2
    [[ "${(P)_stead_n-}$3" == *"$_stead_x"* ]] || builtin export "$_stead_n=${(P)_stead_n-}$3$4"
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
  _stead_new[$2]=${(P)2}
}

# NAME: takes what was put into a list out of its present value, which becomes the value to
# go back to.
_stead_rebase() {
  local _stead_n=STEAD_ADDED_$1 _stead_w _stead_x _stead_s _stead_l
  _stead_l=${(P)_stead_n-}
  _stead_s=${_stead_l[1]}
  _stead_w=$_stead_s${(P)1:+${(P)1}$_stead_s}
  while [[ -n $_stead_l ]]; do
    _stead_l=${_stead_l#?}
    _stead_x=$_stead_s${_stead_l%%"$_stead_s"*}$_stead_s
    while [[ $_stead_w == *"$_stead_x"* ]]; do
      _stead_w=${_stead_w%%"$_stead_x"*}$_stead_s${_stead_w#*"$_stead_x"}
    done
    _stead_l=${_stead_l:$((${#_stead_x} - 2))}
  done
  if [[ $_stead_w == "$_stead_s" ]]; then
    builtin unset "STEAD_OLD_$1"
  else
    _stead_w=${_stead_w#"$_stead_s"}
    builtin export "STEAD_OLD_$1=${_stead_w%"$_stead_s"}"
  fi
  builtin unset "_stead_kept[$1]"
  _stead_new[$1]=${(P)1-}
}

# NAME…: saves variables that are about to be set.
_stead_save_sets() {
  _stead_saved+=("$@")
  _stead_save "$@"
}

# All is applied: gives back what was changed by hand where an outer shell had applied it.
_stead_end() {
  local _stead_n _stead_o
  [[ -n $_stead_adopt ]] || return 0
  for _stead_n in ${=_stead_adopt}; do
    _stead_o=STEAD_OLD_$_stead_n
    case $_stead_n in
      (STEAD_* | *[^A-Za-z0-9_]*) ;;
      (*)
        _stead_note "$_stead_n"
        if [[ -n ${(P)_stead_n+x} ]]; then
          _stead_o=${(P)_stead_o-}
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
  [[ -n ${(P)_stead_n+x} ]]
}

# NAME: gives a variable back what it held.
_stead_restore() {
  local _stead_o=STEAD_OLD_$1
  if [[ -n ${_stead_kept[$1]-} ]]; then
    [[ ${(Pt)1} == *special* ]] || builtin unset "$1"
    builtin eval "${_stead_kept[$1]/#typeset /typeset -g }"
  elif [[ -n ${(P)_stead_o+x} ]]; then
    builtin export "$1=${(P)_stead_o}"
  else
    builtin unset "$1"
  fi
  builtin unset "$_stead_o"
}

# Takes back what was applied here or in an outer shell. What was changed by hand since stays;
# of a list, only what was put into it goes. Where nothing was, all that was set goes at once.
_stead_leave() {
  local _stead_n _stead_i _stead_l=${STEAD_APPLIED-}
  [[ -z $_stead_key ]] || builtin eval "_stead_got=$_stead_values"
  if [[ -z $_stead_key ]]; then
    _stead_new=()
  elif [[ -z $_stead_adopted && $_stead_got == "$_stead_put" ]]; then
    builtin unset "${_stead_sets[@]}"
    for _stead_n in "${_stead_saved[@]}"; do
      _stead_restore "$_stead_n"
    done
    _stead_i="${(j: :)_stead_sets}"
    _stead_l=${_stead_l:${#_stead_i}}
  else
    for _stead_n in "${_stead_sets[@]}"; do
      _stead_i=${_stead_put%%"$_stead_between_values"*}
      _stead_put=${_stead_put:$((${#_stead_i} + 1))}
      _stead_new[$_stead_n]=${_stead_i#x}
    done
  fi
  for _stead_n in ${=_stead_l}; do
    [[ $_stead_n != *[^A-Za-z0-9_]* && $_stead_n != [0-9]* ]] || continue
    if _stead_is_list "$_stead_n"; then
      [[ ${(P)_stead_n-} == "${_stead_new[$_stead_n]-}" ]] || _stead_rebase "$_stead_n"
    elif [[ -n $_stead_key && $_stead_n != STEAD_* ]] &&
      [[ ${(P)_stead_n+x}${(P)_stead_n-} != "${_stead_new[$_stead_n]+x}${_stead_new[$_stead_n]-}" ]]; then
      builtin unset "STEAD_OLD_$_stead_n" "_stead_kept[$_stead_n]"
      continue
    fi
    _stead_restore "$_stead_n"
  done
  builtin unset STEAD_APPLIED
  _stead_new=() _stead_kept=() _stead_key= _stead_file= _stead_place= _stead_place_env=
}

builtin autoload -Uz add-zsh-hook
add-zsh-hook precmd _stead_hook
add-zsh-hook chpwd _stead_chpwd
