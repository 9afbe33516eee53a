# Completion of `stead` for bash 4.4 and later: stead completion bash
declare -gA _stead_table=(
@TABLE@
)

# Puts the words up to the cursor into `words`. bash splits them at `:` and `=` too.
_stead_words() {
  local line=${COMP_LINE:0:COMP_POINT} word i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i == 0)) || [[ $line == [[:blank:]]* ]]; then
      line=${line#"${line%%[![:blank:]]*}"}
      words+=('')
    fi
    ((i < COMP_CWORD)) || word=$line
    words[${#words[@]} - 1]+=$word
    line=${line#"$word"}
  done
}

# Takes the text that each word is to follow, and reads lines `word TAB meaning`. A word
# stands on the line as it must be typed; within quotes only one that needs none is offered.
_stead_offer() {
  local before=$1 word rest
  while IFS=$'\t' read -r word rest; do
    [[ -n $word ]] || continue
    if [[ $word == *[!A-Za-z0-9_./:=@%+,-]* ]]; then
      [[ $cur != *[\'\"]* ]] || continue
      printf -v word %q "$word"
    fi
    if [[ $before$word == "$open"* ]]; then
      word=$before$word
      COMPREPLY+=("${word:${#done}}")
    fi
  done
}

_stead_kind() {
  local kind=$1 before=$2 ask=()
  case $kind in
    '') ;;
    file) compopt -o default 2>/dev/null ;;
    directory) compopt -o dirnames 2>/dev/null ;;
    command) _stead_offer "$before" < <(compgen -c -- "${open#"$before"}") ;;
    =*) _stead_offer "$before" < <(printf '%s\n' ${kind#=}) ;;
    *)
      [[ -z $dir ]] || ask=(-C "${dir/#\~\//"$HOME/"}")
      _stead_offer "$before" < <(@PROGRAM@ "${ask[@]}" __complete "$kind" 2>/dev/null)
      ;;
  esac
}

_stead() {
  local -a words
  local state= n=0 pending= option= dir= literal= word cur open done= IFS=$' \t\n' i
  COMPREPLY=()
  _stead_words
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
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
      option=$word
      [[ -z ${_stead_table[v:$state:$word]+x} ]] || pending=1
    elif [[ $'\n'${_stead_table[w:$state]-} == *$'\n'"$word"$'\t'* ]]; then
      state=${state:+$state/}$word
    else
      ((++n))
    fi
  done
  cur=${words[${#words[@]} - 1]} open=$cur
  case $open in [\'\"]*) open=${open#?} ;; esac
  # What stands before the last of bash's own breaks is not replaced.
  for word in : =; do
    [[ $COMP_WORDBREAKS == *"$word"* && $cur == *"$word"* ]] || continue
    word=${cur%"${cur##*"$word"}"}
    ((${#word} <= ${#done})) || done=$word
  done
  if [[ -n $pending && $cur != -* ]]; then
    _stead_kind "${_stead_table[v:$state:$option]}" ''
  elif [[ -n ${_stead_table[t:$state]-} && $n -gt 0 ]]; then
    _stead_kind file ''
  elif [[ -n $literal ]]; then
    if [[ -n ${_stead_table[t:$state]-} ]]; then _stead_kind command ''
    else _stead_kind "${_stead_table[p:$state:$n]-${_stead_table[p:$state:*]-}}" ''; fi
  elif [[ $cur == --*=* ]]; then
    _stead_kind "${_stead_table[v:$state:${cur%%=*}]-}" "${cur%%=*}="
  elif [[ $cur == -* ]]; then
    _stead_offer '' <<<"${_stead_table[o:$state]-}"
  elif [[ -n ${_stead_table[w:$state]-} ]]; then
    _stead_offer '' <<<"${_stead_table[w:$state]}"
  else
    _stead_kind "${_stead_table[p:$state:$n]-${_stead_table[p:$state:*]-}}" ''
  fi
  # A word that waits for its value is followed by no blank.
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _stead stead
