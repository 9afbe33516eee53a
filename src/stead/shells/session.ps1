# Stead's session: what only the child shell of `stead shell` does. The hook's code comes before.
# A prompt where nothing changed starts no process.
$Stead.Label = @LABEL@; $Stead.Owner = @OWNER@; $Stead.Notes = @DIRECTORY@; $Stead.Hand = @HAND@
$Stead.Seen = ''; $Stead.Fresh = $false; $Stead.Text = ''
$Stead.Manifests = { @MANIFESTS@ }
$Stead.Unhand = { }
$Stead.Before = { _stead_before_record }

function global:_stead_session {
  if ($Stead.State -eq 'loaded' -and $Stead.AppliedTurn -ne '') { _stead_look }
  if ($null -eq (Get-Process -Id $Stead.Owner -ErrorAction Ignore)) {
    _stead_say 'owner' 'the process of this session is gone; what is staged is kept: leave, then `stead shell --resume`'
  }
}

# What the shell changes by itself is left out, so that the text is the same until a person changes it.
function global:_stead_dump {
  $all = [Environment]::GetEnvironmentVariables()
  $own = 'PWD', 'OLDPWD', 'SHLVL', '_', 'COLUMNS', 'LINES'
  $Stead.Text = -join @(foreach ($name in ($all.Keys | Sort-Object)) {
    if ($own -cnotcontains $name -and $name -cnotlike 'STEAD_*') { "$name=$($all[$name])`0" }
  })
}

function global:_stead_look([string[]]$More = @()) {
  _stead_dump
  if ($Stead.Fresh) {
    $Stead.Fresh = $false
    try { [IO.File]::WriteAllText("$($Stead.Notes)/base", $Stead.Text) } catch { }
    if ($Stead.Hand -or -not (& $Stead.Manifests)) { $null = _stead_notice '--applied'; _stead_dump }
  } elseif ($Stead.Text -cne $Stead.Seen -or -not (& $Stead.Manifests)) {
    if (-not (_stead_notice $More)) { return }
  }
  $Stead.Seen = $Stead.Text
}

# Says what was changed by hand; Stead gets it all as its own environment.
function global:_stead_notice([string[]]$More = @()) {
  $answer = ''
  try { $answer = (& $Stead.Program hook --notice pwsh @More 2>$null | Out-String) } catch { }
  if (-not $answer -or $LASTEXITCODE -ne 0) { return $false }
  & ([scriptblock]::Create($answer)) | Out-Null
  return $true
}

# Before a record takes the place of another, what was changed by hand since is noticed, and all
# that was is taken back: it is put on top again afterwards.
function global:_stead_before_record {
  if ($Stead.Key -and -not $Stead.Fresh -and $Stead.AppliedTurn -ne '') { _stead_look '--quiet' }
  & $Stead.Unhand
  $Stead.Fresh = $true
}

function global:prompt {
  $code = $global:LASTEXITCODE
  _stead_hook
  _stead_session
  $global:LASTEXITCODE = $code
  $mark = if ([IO.File]::Exists("$(_stead_get 'STEAD_SHELL')/staged")) { '*' } else { '' }
  "($($Stead.Label)$mark) $(_stead_prompt_before)"
}
