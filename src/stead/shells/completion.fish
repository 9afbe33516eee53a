# Completion of `stead` for fish 3.5 and later: stead completion fish
function __stead_table
  switch $argv[1]
@TABLE@
  end
end

# Takes a kind, and the text that each word is to follow.
function __stead_kind
  set -l before $argv[2]
  switch "$argv[1]"
    case ''
    case file
      set -l token (commandline -ct)
      # Without escapes, or within quotes that are still open.
      set -l path (string unescape -- $token); or set path (string trim -l -c '\'"' -- $token)
      __fish_complete_path "$path"
    case directory
      __fish_complete_directories (commandline -ct)
    case command
      __fish_complete_command
    case '=*'
      for word in (string split ' ' -- (string sub -s 2 -- $argv[1]))
        printf '%s\n' "$before$word"
      end
    case '*'
      set -l ask
      test -z "$__stead_dir"; or set ask -C (string replace -r '^~/' "$HOME/" -- $__stead_dir)
      for line in (@PROGRAM@ $ask __complete $argv[1] 2>/dev/null)
        printf '%s\n' "$before$line"
      end
  end
end

function __stead_complete
  set -l state ''
  set -l n 0
  set -l pending
  set -l option
  set -l literal
  set -g __stead_dir
  set -l words (commandline -opc)
  for word in $words[2..]
    if test -n "$pending"; and not string match -q -- '-*' $word
      set pending
      test "$option" != -C; or set __stead_dir $word
      continue
    end
    set pending
    set -l tail (__stead_table "t:$state")
    if test -n "$literal"; or begin; test -n "$tail"; and test $n -gt 0; end
      set n (math $n + 1)
    else if test "$word" = --
      set literal 1
    else if string match -q -- '-*' $word
      set option $word
      __stead_table "v:$state:$word" | read -l -z found; and set pending 1
    else if contains -- "$word" (__stead_table "w:$state" | string split -f 1 \t)
      test -z "$state"; and set state $word; or set state "$state/$word"
    else
      set n (math $n + 1)
    end
  end
  set -l cur (commandline -ct)
  set -l tail (__stead_table "t:$state")
  set -l positional (__stead_table "p:$state:$n")
  set -q positional[1]; or set positional (__stead_table "p:$state:*")
  if test -n "$pending"; and not string match -q -- '-*' "$cur"
    __stead_kind (__stead_table "v:$state:$option") ''
  else if test -n "$tail"; and test $n -gt 0
    __stead_kind file ''
  else if test -n "$literal"
    if test -n "$tail"
      __stead_kind command ''
    else
      __stead_kind "$positional" ''
    end
  else if string match -q -- '--*=*' "$cur"
    set -l named (string split -m 1 = -- $cur)[1]
    __stead_kind "$(__stead_table "v:$state:$named")" "$named="
  else if string match -q -- '-*' "$cur"
    __stead_table "o:$state"
  else
    set -l words (__stead_table "w:$state")
    if set -q words[1]
      printf '%s\n' $words
    else
      __stead_kind "$positional" ''
    end
  end
end

complete -c stead -e
complete -c stead -f -a '(__stead_complete)'
