# Stead's session: what only the child shell of `stead shell` does. The hook's code comes before.
# A prompt where nothing changed starts no process.
if builtin declare -F _stead_hook >/dev/null; then
_stead_label=@LABEL@ _stead_owner=@OWNER@ _stead_shell=@DIRECTORY@ _stead_hand=@HAND@
_stead_seen= _stead_fresh= _stead_text=()
_stead_manifests() { [[ @MANIFESTS@ ]]; }
_stead_unhand() { :; }

# Runs last of all that the prompt does, so that what others do there is no surprise, and no
# change by hand.
_stead_session() {
  local _stead_status=$? -
  builtin set +eux
  if [[ $_stead_current == "$STEAD_SHELL"/record/* && $_stead_state == loaded ]]; then
    _stead_look
  fi
  _stead_mark
  if ! builtin kill -0 "$_stead_owner" 2>/dev/null; then
    _stead_say owner "the process of this session is gone; what is staged is kept: leave, then \`stead shell --resume\`"
  fi
  builtin return "$_stead_status"
}

# What the shell changes by itself is hidden, so that the text is the same until a person changes it.
# The file is written over in place: to cut it off first costs a disk more than all the rest.
_stead_dump() {
  local PWD OLDPWD SHLVL _ COLUMNS LINES IFS=
  { builtin declare -px && builtin printf '\0'; } 2>/dev/null 1<>"$_stead_shell/exports" &&
    builtin mapfile -d '' -n 1 -t _stead_text <"$_stead_shell/exports"
}

_stead_look() {
  _stead_dump 2>/dev/null || builtin return 0
  if [[ -n $_stead_fresh ]]; then
    _stead_write_base
    _stead_fresh=
    if [[ -n $_stead_hand ]] || ! _stead_manifests; then
      _stead_notice --applied
      _stead_dump
    fi
  elif [[ ${_stead_text[0]-} != "$_stead_seen" ]] || ! _stead_manifests; then
    _stead_notice "$@" || builtin return 0
  fi
  _stead_seen=${_stead_text[0]-}
}

# Says what was changed by hand; Stead gets it all as its own environment.
_stead_notice() {
  local _stead_answer
  _stead_answer=$("$_stead_program" hook --notice bash "$@" 2>/dev/null) &&
    [[ -n $_stead_answer ]] && builtin eval "$_stead_answer"
}

# Before a record takes the place of another, what was changed by hand since is noticed, and all
# that was is taken back: it is put on top again afterwards.
_stead_before_record() {
  if [[ -n $_stead_key && -z $_stead_fresh && $_stead_file == "$STEAD_SHELL"/record/* ]]; then
    _stead_look --quiet
  fi
  _stead_unhand
  _stead_fresh=1
}

# Notes what is exported right after a record was applied: NAME=VALUE, each with a NUL.
_stead_write_base() {
  local _stead_l _stead_n _stead_p='^declare -[a-zA-Z]+ ([A-Za-z_][A-Za-z0-9_]*)(=|$)' _stead_lines
  builtin mapfile -t _stead_lines <<<"${_stead_text[0]-}"
  for _stead_l in "${_stead_lines[@]}"; do
    if [[ $_stead_l =~ $_stead_p ]]; then
      _stead_n=${BASH_REMATCH[1]}
      [[ -z ${!_stead_n+x} || ${!_stead_n@a} != *x* ]] ||
        builtin printf '%s=%s\0' "$_stead_n" "${!_stead_n}"
    fi
  done 2>/dev/null >|"$_stead_shell/base"
}

_stead_mark() {
  local _stead_m="($_stead_label) " _stead_p=${PS1-}
  [[ ! -e $STEAD_SHELL/staged ]] || _stead_m="($_stead_label*) "
  [[ $_stead_p != "$_stead_m"* ]] || builtin return 0
  _stead_p=${_stead_p#"($_stead_label) "}
  PS1=$_stead_m${_stead_p#"($_stead_label*) "}
}

# What was changed on the line that leaves is noticed too. A trap of the user's own stays hers.
_stead_at_exit() {
  local _stead_status=$? -
  builtin set +eux
  if [[ $BASHPID == "$$" && -z $_stead_fresh && $_stead_current == "$STEAD_SHELL"/record/* ]]; then
    _stead_look --quiet
  fi
  builtin return "$_stead_status"
}
[[ -n $(builtin trap -p EXIT) ]] || builtin trap _stead_at_exit EXIT

# A shell within this one has none of these functions.
builtin export -n PROMPT_COMMAND
if [[ ${PROMPT_COMMAND@a} == *a* ]]; then
  PROMPT_COMMAND+=(_stead_session)
else
  PROMPT_COMMAND="${PROMPT_COMMAND%"${PROMPT_COMMAND##*[!; ]}"}; _stead_session"
fi
fi
