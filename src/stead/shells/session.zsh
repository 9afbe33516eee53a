# Stead's session: what only the child shell of `stead shell` does. The hook's code comes before.
# A prompt where nothing changed starts no process.
typeset -g _stead_label=@LABEL@ _stead_owner=@OWNER@ _stead_shell=@DIRECTORY@ _stead_hand=@HAND@
typeset -g _stead_seen= _stead_fresh= _stead_text=
_stead_manifests() { [[ @MANIFESTS@ ]] }
_stead_unhand() { : }

# Runs last of all that the prompt does, so that what others do there is no surprise, and no
# change by hand.
_stead_session() {
  builtin emulate -L zsh
  builtin setopt typeset_silent no_aliases
  if [[ $_stead_current == "$STEAD_SHELL"/record/* && $_stead_state == loaded ]]; then
    _stead_look
  fi
  _stead_mark
  if ! builtin kill -0 $_stead_owner 2>/dev/null; then
    _stead_say owner "the process of this session is gone; what is staged is kept: leave, then \`stead shell --resume\`"
  fi
}

# What the shell changes by itself is left out, so that the text is the same until a person changes it.
_stead_dump() {
  local _stead_n
  _stead_text=
  for _stead_n in ${(ok)parameters[(R)*export*]}; do
    [[ $_stead_n == (PWD|OLDPWD|SHLVL|_|COLUMNS|LINES|STEAD_*) ]] ||
      _stead_text+="$_stead_n=${(P)_stead_n}"$'\0'
  done
}

_stead_look() {
  _stead_dump
  if [[ -n $_stead_fresh ]]; then
    _stead_fresh=
    builtin print -rn -- "$_stead_text" 2>/dev/null >|"$_stead_shell/base"
    if [[ -n $_stead_hand ]] || ! _stead_manifests; then
      _stead_notice --applied
      _stead_dump
    fi
  elif [[ $_stead_text != "$_stead_seen" ]] || ! _stead_manifests; then
    _stead_notice "$@" || return 0
  fi
  _stead_seen=$_stead_text
}

# Says what was changed by hand; Stead gets it all as its own environment.
_stead_notice() {
  local _stead_answer
  _stead_answer=$("$_stead_program" hook --notice zsh "$@" 2>/dev/null) &&
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

_stead_mark() {
  local _stead_m="($_stead_label) " _stead_p=${PROMPT-}
  [[ ! -e $STEAD_SHELL/staged ]] || _stead_m="($_stead_label*) "
  [[ $_stead_p != "$_stead_m"* ]] || return 0
  _stead_p=${_stead_p#"($_stead_label) "}
  PROMPT=$_stead_m${_stead_p#"($_stead_label*) "}
}

# What was changed on the line that leaves is noticed too.
_stead_at_exit() {
  builtin emulate -L zsh
  builtin setopt typeset_silent no_aliases
  [[ $_stead_current != "$STEAD_SHELL"/record/* || -n $_stead_fresh ]] || _stead_look --quiet
}

add-zsh-hook precmd _stead_session
add-zsh-hook zshexit _stead_at_exit
