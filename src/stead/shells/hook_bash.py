"""The hook for bash 4.4 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells.hook_record import ADDED, FORMAT, RECORD
from stead.shells.quote import check_name, posix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.shells.hook_record import HookRecord

FILE = "hook.bash"

_CODE = r"""
# Stead's hook: the environment of a directory comes and goes with the directory.
# No process is started at a prompt where nothing changed, nor on entering a known place.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  builtin printf '%s\n' "stead: the hook needs bash 4.4 or newer, this is $BASH_VERSION" >&2
else
_stead_home=@HOME@
_stead_program=@PROGRAM@
_stead_names=(@NAMES@)
_stead_pwd= _stead_env= _stead_state=none
: "${_stead_key=}" "${_stead_line=}" "${_stead_file=}" "${_stead_place=}" "${_stead_applied_env=}"
# _stead_new: values as they were put; _stead_kept: how to declare what was no plain variable;
# _stead_said: messages given; _stead_past: manifests that make no place of their own.
builtin declare -gA _stead_new _stead_kept _stead_said _stead_past _stead_cur

_stead_hook() {
  builtin local _stead_status=$?
  if [[ $PWD != "$_stead_pwd" || ${STEAD_ENVIRONMENT-} != "$_stead_env" ]] || ! _stead_same; then
    _stead_update
  fi
  builtin return "$_stead_status"
}

_stead_same() {
  case $_stead_state in
    loaded)
      builtin local line=
      [[ -e $_stead_file ]] && builtin read -r line <"$_stead_file"
      [[ $line == "$_stead_line" ]] && _stead_recorded && _stead_near || builtin return 1
      # What was added to a list by hand belongs to the caller, also in shells started from here.
      [[ $PATH == "${_stead_new[PATH]-$PATH}" ]] || _stead_rebase PATH ;;
    pending) _stead_watched ;;
    *) _stead_near ;;
  esac
}

_stead_update() {
  builtin local env=${STEAD_ENVIRONMENT:-default} IFS=$' \t\n' found= at=
  _stead_pwd=$PWD _stead_env=${STEAD_ENVIRONMENT-}
  if [[ $env == *[!A-Za-z0-9._-]* || $env == [!A-Za-z0-9]* ]]; then
    _stead_say "env $env" "STEAD_ENVIRONMENT=$env cannot name an environment"
    _stead_leave; _stead_state=none; builtin return
  fi
  _stead_walk
  if [[ -n $found ]] && _stead_use "$found"; then
    builtin return
  elif [[ -n $at ]]; then
    _stead_ask
  else
    _stead_leave
    _stead_state=none
  fi
}

# Sets `at`, the nearest directory with a record or a manifest, and `found`, its record;
# makes _stead_near, which says that nothing has appeared between it and here.
_stead_walk() {
  builtin local dir=$PWD name path tests=
  while [[ -n $dir && $dir != / && $dir != "${HOME-}" ]]; do
    if [[ -e $_stead_home/places/at$dir/.stead@/$env/hook.bash ]]; then
      at=$dir found=$_stead_home/places/at$dir/.stead@/$env/hook.bash
      builtin break
    fi
    for name in "${_stead_names[@]}"; do
      path=$dir/$name
      if [[ ! -e $path ]]; then
        builtin printf -v name %q "$path"
        tests+=" && ! -e $name"
      else
        name=${_stead_past[$path]-}
        if [[ -z $name || $path -nt $name || $name -nt $path ]]; then
          at=$dir
          builtin break 2
        fi
        builtin printf -v path '! %q -nt %q && ! %q -nt %q' "$path" "$name" "$name" "$path"
        tests+=" && $path"
      fi
    done
    dir=${dir%/*}
  done
  builtin eval "_stead_near() { [[ -n x$tests ]]; }"
}

# Applies a record, unless it is applied already; fails where it is not fresh.
_stead_use() {
  builtin local line=
  builtin read -r line <"$1" || builtin return 1
  if [[ -n $_stead_line && $line == "$_stead_line" && $1 == "$_stead_file" ]]; then
    _stead_recorded || builtin return 1
  else
    [[ $line == '# stead @FORMAT@ '* ]] || builtin return 1
    builtin local _stead_force=
    builtin source "$1" || builtin return 1
    _stead_file=$1 _stead_line=$line
  fi
  _stead_state=loaded
}

_stead_ask() {
  builtin local answer
  answer=$(STEAD_ENVIRONMENT=${STEAD_ENVIRONMENT-} "$_stead_program" hook --evaluate bash 2>/dev/null)
  if (($? != 0)) || [[ -z $answer ]]; then
    _stead_state=none
    [[ $_stead_place == "$at" ]] || _stead_leave
    _stead_near() { :; }
    _stead_say "ask $at" "could not look at $at; \`stead status\` says why"
    builtin return
  fi
  builtin eval "$answer"
}

# PLACE KEEP KEY MESSAGE: nothing new to apply; with KEEP, what this place had before stays.
_stead_pend() {
  if [[ -z $2 || $_stead_place != "$1" || $_stead_applied_env != "${STEAD_ENVIRONMENT:-default}" ]]; then
    _stead_leave
  fi
  _stead_state=pending
  [[ -z $4 ]] || _stead_say "$3" "$4"
}

_stead_say() {
  [[ -z ${_stead_said[$1]-} ]] || builtin return 0
  _stead_said[$1]=1
  builtin printf 'stead: %s\n' "${2//[[:cntrl:]]/?}" >&2
}

# KEY PLACE ENV: leaves what is applied and prepares for something new. Where an outer shell
# has applied just this, what it noted stays, and so does what was changed by hand since.
_stead_begin() {
  _stead_cur=() _stead_adopt=
  if [[ -z $_stead_key && ${STEAD_RECORD-} == "$1" && -n ${STEAD_APPLIED-} ]]; then
    builtin local name
    for name in $STEAD_APPLIED; do
      [[ -z ${!name+x} ]] || _stead_cur[$name]=${!name}
    done
    _stead_adopt=" $STEAD_APPLIED "
  else
    _stead_leave
  fi
  _stead_key=$1 _stead_place=$2 _stead_applied_env=$3
  _stead_new=()
}

# NAME…: notes what these variables hold; they are about to be changed.
_stead_save() {
  builtin local name all
  for name; do
    [[ $_stead_adopt != *" $name "* ]] || builtin continue
    all="$name[@]"
    [[ -n ${!name+x}${!all+x} ]] || builtin continue
    case ${!name@a} in
      x) builtin export "STEAD_OLD_$name=${!name}" ;;
      *r*) ;;
      *)
        if [[ ${!name@a} == *x* ]]; then builtin export "STEAD_OLD_$name=${!name}"; fi
        _stead_kept[$name]=${!all@A}
        builtin unset -v "$name" ;;
    esac
  done
}

_stead_note() { [[ " $STEAD_APPLIED " == *" $1 "* ]] || STEAD_APPLIED+=" $1"; }

_stead_drop() {
  builtin local name
  for name; do
    # A variable that is not exported reaches no process.
    [[ ${!name@a} == *x* && ${!name@a} != *r* ]] || builtin continue
    builtin export "STEAD_OLD_$name=${!name}"
    [[ ${!name@a} == x ]] || _stead_kept[$name]=${!name@A}
    builtin unset -v "$name"
    _stead_note "$name"
  done
}

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

# KIND NAME SEPARATOR ENTRY
_stead_list() {
  builtin local name=$2 sep=$3 entry=$4 rest=
  if [[ -z ${_stead_new[$name]+x} && $_stead_adopt != *" $name "* ]]; then
    [[ ${!name@a} == *x* ]] || builtin unset -v "STEAD_ADDED_$name"
    _stead_save "$name"
    [[ -z ${_stead_kept[$name]-} ]] || [[ ${_stead_kept[$name]} == *"("* ]] || builtin eval "$name=${_stead_kept[$name]#*=}"
    _stead_note "$name"; _stead_note "STEAD_ADDED_$name"
    builtin export "STEAD_ADDED_$name="
  fi
  rest=$sep${!name-}$sep
  if [[ $rest == *"$sep$entry$sep"* ]]; then
    while [[ $rest == *"$sep$entry$sep"* ]]; do rest=${rest/"$sep$entry$sep"/"$sep"}; done
  else
    builtin export "STEAD_ADDED_$name=$(:)"
  fi
}
fi
"""
