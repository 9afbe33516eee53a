# Stead's hook: the environment of a directory comes and goes with the directory.
# A prompt where nothing changed starts no process, and neither does entering a known place.
$global:Stead = @{
  Home = @HOME@; Program = @PROGRAM@; Names = @(@NAMES@); Format = @FORMAT@; UserHome = "$HOME"
  Pwd = ''; Env = ''; State = 'none'; Key = ''; Directory = ''; Place = ''; PlaceEnv = ''
  Base = ''; Number = ''; At = ''; Found = ''; New = @{}; Said = @{}; Past = @{}; Absent = @()
  AppliedTurn = ''; Alone = $false; Before = { }; Sets = @()
  Adopt = $null; Force = $false; Recorded = { $false }; Watched = { $true }
}

function global:_stead_get([string]$Name) { [Environment]::GetEnvironmentVariable($Name) }
function global:_stead_set([string]$Name, $Value) { [Environment]::SetEnvironmentVariable($Name, $Value) }
function global:_stead_there([string]$Path) { [IO.File]::Exists($Path) -or [IO.Directory]::Exists($Path) }

# Whether a file is there and bears the same time as its reference file.
function global:_stead_even([string]$Path, [string]$Reference) {
  (_stead_there $Path) -and [IO.File]::Exists($Reference) -and
    [IO.File]::GetLastWriteTimeUtc($Path) -eq [IO.File]::GetLastWriteTimeUtc($Reference)
}

# The number of an environment's current record: a link's target, or where links need a
# privilege the content of a small file.
function global:_stead_number([string]$Base) {
  $current = "$Base/current"
  if ([IO.Directory]::Exists($current)) { return ([IO.DirectoryInfo]::new($current)).LinkTarget }
  if ([IO.File]::Exists($current)) { return [IO.File]::ReadAllText($current).Trim() }
  return ''
}

function global:_stead_base([string]$Directory) {
  $mirrored = $Directory.Replace('\', '/').TrimEnd('/') -replace '^([A-Za-z]):', '/$1'
  "$($Stead.Home)/places/at$mirrored/.stead@/$($Stead.EnvName)"
}

function global:_stead_hook {
  $env = _stead_get 'STEAD_ENVIRONMENT'
  $location = $ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath
  if ($location -cne $Stead.Pwd -or "$env" -cne $Stead.Env -or -not (_stead_same)) {
    _stead_update $location "$env"
  }
}

function global:_stead_same {
  switch ($Stead.State) {
    'loaded' {
      if ($Stead.AppliedTurn -eq '' -and
          ($Stead.Number -eq '' -or (_stead_number $Stead.Base) -cne $Stead.Number)) { return $false }
      if ($Stead.AppliedTurn -ne '' -and (_stead_turn) -cne $Stead.AppliedTurn) { return $false }
      if (-not (& $Stead.Recorded) -or -not (_stead_near)) { return $false }
      # What was added to PATH by hand belongs to the caller, for programs started from here too.
      if ($null -ne (_stead_get 'STEAD_ADDED_PATH') -and (_stead_get 'PATH') -cne $Stead.New['PATH']) {
        _stead_rebase 'PATH'
      }
      return $true
    }
    'pending' { return (& $Stead.Watched) -and (_stead_near) }
  }
  return (_stead_near)
}

function global:_stead_update([string]$Location, [string]$Env) {
  $Stead.Pwd = $Location; $Stead.Env = $Env
  $Stead.EnvName = if ($Env) { $Env } else { 'default' }
  if ($Stead.EnvName -notmatch '\A[A-Za-z0-9][A-Za-z0-9._-]*\z') {
    _stead_say "env $Env" "STEAD_ENVIRONMENT=$Env cannot name an environment"
    _stead_none; $Stead.Absent = @(); return
  }
  _stead_walk
  if (-not $Stead.At -and $Stead.Found) {
    if (_stead_use_session) { return }
  } elseif ($Stead.Found -and (_stead_use $Stead.At)) { return }
  if ($Stead.At -and [IO.Directory]::Exists($Stead.At)) { _stead_ask } else { _stead_none }
}

# The turn of `stead shell` changes whenever its record did.
function global:_stead_turn {
  try { [IO.File]::ReadAllText("$(_stead_get 'STEAD_SHELL')/turn").Trim() } catch { '' }
}

function global:_stead_none { _stead_leave; $Stead.State = 'none' }

# Sets At (the nearest directory with a record or a manifest), Found (the record), and Absent:
# what must not appear between that directory and this one. In a shell of `stead shell` its
# record is the one for its place, and for where no place is.
function global:_stead_walk {
  $Stead.At = ''; $Stead.Found = ''
  $absent = [Collections.Generic.List[string]]::new()
  $directory = $Stead.Pwd
  $session = "$(_stead_get 'STEAD_SHELL')".Replace('\', '/')
  if (-not ($session.StartsWith("$($Stead.Home)/places/at/") -and
      [IO.File]::Exists("$session/record/@FILE@"))) { $session = '' }
  :up while ($directory -and $directory -cne $Stead.UserHome) {
    $parent = [IO.Path]::GetDirectoryName($directory)
    if (-not $parent) { break }
    $base = _stead_base $directory
    if ($session -and ($Stead.Alone -or
        $session.Substring(0, $session.LastIndexOf('/')) -ceq $base.Substring(0, $base.LastIndexOf('/')))) { break }
    $number = _stead_number $base
    if ($number -and [IO.File]::Exists("$base/$number/@FILE@")) {
      $Stead.At = $directory; $Stead.Found = "$base/$number/@FILE@"; break
    }
    foreach ($name in $Stead.Names) {
      $path = [IO.Path]::Combine($directory, $name)
      if (-not (_stead_there $path)) { $absent.Add($path) }
      elseif (-not ($Stead.Past.ContainsKey($path) -and (_stead_even $path $Stead.Past[$path]))) {
        $Stead.At = $directory; break up
      }
    }
    $directory = $parent
  }
  $Stead.Absent = $absent.ToArray()
  if (-not $Stead.At -and $session) { $Stead.Found = "$session/record/@FILE@" }
}

function global:_stead_near {
  foreach ($path in $Stead.Absent) { if (_stead_there $path) { return $false } }
  foreach ($path in $Stead.Past.Keys) {
    if ((_stead_there $path) -and -not (_stead_even $path $Stead.Past[$path])) { return $false }
  }
  return $true
}

# Applies the record of `stead shell` unless it is applied already.
function global:_stead_use_session {
  $turn = _stead_turn
  $directory = [IO.Path]::GetDirectoryName($Stead.Found)
  if (-not ($Stead.Key -and $Stead.Directory -ceq $directory -and $Stead.AppliedTurn -ceq $turn)) {
    & $Stead.Before
    $Stead.Force = $false
    if (-not (& ([scriptblock]::Create([IO.File]::ReadAllText($Stead.Found))))) { return $false }
    $Stead.Directory = $directory
  }
  $Stead.AppliedTurn = $turn; $Stead.State = 'loaded'
  return $true
}

# Applies a place's record unless it is applied already; false where it does not hold.
function global:_stead_use([string]$Directory) {
  $base = _stead_base $Directory
  $number = _stead_number $base
  if (-not $number) { return $false }
  if ($Stead.Key -and $Stead.Directory -ceq "$base/$number") {
    if (-not (& $Stead.Recorded)) { return $false }
  } else {
    $Stead.Force = $false
    $file = "$base/$number/@FILE@"
    if (-not [IO.File]::Exists($file)) { return $false }
    if (-not (& ([scriptblock]::Create([IO.File]::ReadAllText($file))))) { return $false }
    $Stead.Directory = "$base/$number"
  }
  $Stead.Base = $base; $Stead.Number = $number; $Stead.AppliedTurn = ''; $Stead.State = 'loaded'
  return $true
}

function global:_stead_ask {
  $answer = ''
  try { $answer = (& $Stead.Program hook --evaluate pwsh 2>$null | Out-String) } catch { }
  if (-not $answer -or $LASTEXITCODE -ne 0) {
    if ($Stead.Place -cne $Stead.At) { _stead_leave }
    $Stead.State = 'none'; $Stead.Absent = @()
    _stead_say "ask $($Stead.At)" "cannot tell the environment of $($Stead.At); try ``stead status``"
    return
  }
  & ([scriptblock]::Create($answer)) | Out-Null
}

function global:_stead_again([string]$Place) { _stead_walk; _stead_use $Place }

# There is nothing new to apply; with Keep, what this place has applied stays.
function global:_stead_pend([string]$Place, [bool]$Keep, [string]$Key, [string]$Message) {
  if (-not $Keep -or $Stead.Place -cne $Place -or $Stead.PlaceEnv -cne $Stead.EnvName) { _stead_leave }
  $Stead.Absent = @(); $Stead.State = 'pending'
  if ($Message) { _stead_say $Key $Message }
}

function global:_stead_say([string]$Key, [string]$Message) {
  if ($Stead.Said.ContainsKey($Key)) { return }
  $Stead.Said[$Key] = $true
  [Console]::Error.WriteLine('stead: ' + ($Message -replace '\p{Cc}', '?'))
}

# Leaves what is applied. Where an outer shell has applied just this record, its notes stay, and
# so does what was changed by hand since.
function global:_stead_begin([string]$Key, [string]$Place, [string]$EnvName, [string[]]$Names = @()) {
  $Stead.Adopt = $null
  if (-not $Stead.Key -and (_stead_get 'STEAD_RECORD') -ceq $Key -and (_stead_get 'STEAD_APPLIED')) {
    $Stead.Adopt = @{}
    foreach ($name in (_stead_get 'STEAD_APPLIED').Split(' ')) { $Stead.Adopt[$name] = _stead_get $name }
  } else {
    # What this place sets once more is its own again: what was here before is as it was noted, and
    # no value made by hand meanwhile.
    if ($Stead.Key -and $Stead.Place -ceq $Place -and $Stead.PlaceEnv -ceq $EnvName) {
      foreach ($name in $Stead.Sets) {
        if ($Names -ccontains $name) { _stead_set $name $Stead.New[$name] }
      }
    }
    _stead_leave
  }
  $Stead.Sets = @()
  $Stead.New = @{}; $Stead.Key = $Key; $Stead.Place = $Place; $Stead.PlaceEnv = $EnvName
  $Stead.Directory = ''
}

function global:_stead_save([string]$Name) {
  if ($Stead.Adopt -and $Stead.Adopt.ContainsKey($Name)) { return }
  $old = _stead_get $Name
  if ($null -ne $old) { _stead_set "STEAD_OLD_$Name" $old }
}

function global:_stead_note([string]$Name) {
  $applied = "$(_stead_get 'STEAD_APPLIED')"
  if (" $applied " -cnotlike "* $Name *") { _stead_set 'STEAD_APPLIED' "$applied $Name".Trim() }
}

function global:_stead_put([string]$Name, [string]$Value) {
  _stead_hold $Name $Value
  $Stead.Sets += $Name
}

function global:_stead_hold([string]$Name, [string]$Value) {
  _stead_save $Name; _stead_set $Name $Value; $Stead.New[$Name] = _stead_get $Name; _stead_note $Name
}

function global:_stead_drop([string]$Name) {
  if ($null -eq (_stead_get $Name)) { return }
  if ($Stead.Adopt) { $Stead.Adopt.Remove($Name) }
  _stead_save $Name; _stead_set $Name $null; _stead_note $Name
}

function global:_stead_default([string]$Name, [string]$Value) {
  if ($Stead.Adopt -and $Stead.Adopt.ContainsKey($Name)) { $Stead.New[$Name] = $Value }
  elseif ($null -eq (_stead_get $Name)) { _stead_hold $Name $Value }
}

function global:_stead_list([string]$Kind, [string]$Name, [string]$Separator, [string]$Entry) {
  if (-not $Stead.New.ContainsKey($Name)) {
    if (-not ($Stead.Adopt -and $Stead.Adopt.ContainsKey($Name))) { _stead_save $Name }
    _stead_note $Name; _stead_note "STEAD_ADDED_$Name"
  }
  $old = _stead_get $Name
  $entries = @(if ($old) { $old.Split($Separator) })
  $rest = @($entries | Where-Object { $_ -cne $Entry })
  $added = "$(_stead_get "STEAD_ADDED_$Name")"
  if ($rest.Count -eq $entries.Count -and $added.Split($Separator) -cnotcontains $Entry) {
    _stead_set "STEAD_ADDED_$Name" "$added$Separator$Entry"
  }
  $all = if ($Kind -eq 'prepend') { @($Entry) + $rest } else { $rest + @($Entry) }
  _stead_set $Name ($all -join $Separator)
  $Stead.New[$Name] = _stead_get $Name
}

# Takes what was put into a list out of its present value, which becomes the value to go back to.
function global:_stead_rebase([string]$Name) {
  $added = "$(_stead_get "STEAD_ADDED_$Name")"; $value = _stead_get $Name
  if ($added -and $value) {
    $separator = $added.Substring(0, 1); $gone = $added.Substring(1).Split($separator)
    $value = @($value.Split($separator) | Where-Object { $gone -cnotcontains $_ }) -join $separator
  }
  _stead_set "STEAD_OLD_$Name" $(if ($value) { $value } else { $null })
  $Stead.New[$Name] = _stead_get $Name
}

function global:_stead_end {
  if ($Stead.Adopt) {
    foreach ($name in @($Stead.Adopt.Keys)) {
      if ($name -clike 'STEAD_*') { continue }
      _stead_note $name
      $was = $Stead.Adopt[$name]
      if ($null -ne (_stead_get "STEAD_ADDED_$name")) { _stead_rebase $name }
      elseif ($null -ne $was -and $was -cne (_stead_get "STEAD_OLD_$name")) { _stead_set $name $was }
    }
  }
  $Stead.Adopt = $null
}

# Takes back what was applied here or in an outer shell. What was changed by hand since stays; of a
# list, only what was put into it goes.
function global:_stead_leave {
  foreach ($name in "$(_stead_get 'STEAD_APPLIED')".Split(' ')) {
    if ($name -notmatch '\A[A-Za-z_][A-Za-z0-9_.()-]*\z') { continue }
    if ($null -ne (_stead_get "STEAD_ADDED_$name")) {
      if ((_stead_get $name) -cne $Stead.New[$name]) { _stead_rebase $name }
    } elseif ($Stead.Key -and $name -cnotlike 'STEAD_*' -and (_stead_get $name) -cne $Stead.New[$name]) {
      _stead_set "STEAD_OLD_$name" $null
      continue
    }
    _stead_set $name (_stead_get "STEAD_OLD_$name")
    _stead_set "STEAD_OLD_$name" $null
  }
  _stead_set 'STEAD_APPLIED' $null
  $Stead.New = @{}; $Stead.Key = ''; $Stead.Directory = ''; $Stead.Place = ''; $Stead.PlaceEnv = ''
  $Stead.Base = ''; $Stead.Number = ''
}

if (-not (Test-Path Function:\_stead_prompt_before)) {
  Copy-Item Function:\prompt Function:\global:_stead_prompt_before
}
function global:prompt {
  $code = $global:LASTEXITCODE
  _stead_hook
  $global:LASTEXITCODE = $code
  _stead_prompt_before
}
