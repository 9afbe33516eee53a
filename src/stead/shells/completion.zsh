#compdef stead
# Completion of `stead` for zsh: stead completion zsh
typeset -gA _stead_table
_stead_table=(
@TABLE@
)

# Reads lines `word TAB meaning`. compadd writes each word so that it means itself.
_stead_offer() {
  local -a names about open meant
  local line
  for line in "${(@f)1}"; do
    [[ -n $line ]] || continue
    if [[ ${line%%$'\t'*} == *= ]]; then
      open+=("${line%%$'\t'*}") meant+=("${line/$'\t'/  -- }")
    else
      names+=("${line%%$'\t'*}") about+=("${line/$'\t'/  -- }")
    fi
  done
  # A word that waits for its value is followed by no blank.
  [[ ${#open} -eq 0 ]] || compadd -S '' -l -d meant -a -- open
  [[ ${#names} -eq 0 ]] || compadd -l -d about -a -- names
}

_stead_kind() {
  local kind=$1
  local -a ask
  case $kind in
    '') ;;
    file) _files ;;
    directory) _files -/ ;;
    command) _command_names -e ;;
    '='*) compadd -- ${=kind#=} ;;
    *)
      [[ -z $dir ]] || ask=(-C "${dir/#\~\//$HOME/}")
      _stead_offer "$(@PROGRAM@ "${ask[@]}" __complete "$kind" 2>/dev/null)"
      ;;
  esac
}

_stead() {
  local state= pending= option= dir= literal= word key
  local -i n=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word=${(Q)words[i]}
    if [[ -n $pending && $word != -* ]]; then
      pending=
      [[ $option != -C ]] || dir=$word
      continue
    fi
    pending=
    if [[ -n $literal || (-n ${_stead_table[t:$state]-} && $n -gt 0) ]]; then
      ((++n))
    elif [[ $word == -- ]]; then
      literal=1
    elif [[ $word == -* ]]; then
      option=$word key="v:$state:$word"
      [[ -z ${_stead_table[$key]+x} ]] || pending=1
    elif [[ $'\n'${_stead_table[w:$state]-} == *$'\n'"$word"$'\t'* ]]; then
      state=${state:+$state/}$word
    else
      ((++n))
    fi
  done
  word=$PREFIX
  local positional="p:$state:$n"
  [[ -n ${_stead_table[$positional]+x} ]] || positional="p:$state:*"
  if [[ -n $pending && $word != -* ]]; then
    key="v:$state:$option"
    _stead_kind "${_stead_table[$key]}"
  elif [[ -n ${_stead_table[t:$state]-} && $n -gt 0 ]]; then
    _stead_kind file
  elif [[ -n $literal ]]; then
    if [[ -n ${_stead_table[t:$state]-} ]]; then _stead_kind command
    else _stead_kind "${_stead_table[$positional]-}"; fi
  elif [[ $word == --*=* ]]; then
    key="v:$state:${word%%\=*}"
    compset -P '*='
    _stead_kind "${_stead_table[$key]-}"
  elif [[ $word == -* ]]; then
    _stead_offer "${_stead_table[o:$state]-}"
  elif [[ -n ${_stead_table[w:$state]-} ]]; then
    _stead_offer "${_stead_table[w:$state]}"
  else
    _stead_kind "${_stead_table[$positional]-}"
  fi
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  _stead "$@"
elif (( $+functions[compdef] )); then
  compdef _stead stead
else
  print -u2 'stead: completion needs compinit: call it before this line'
fi
