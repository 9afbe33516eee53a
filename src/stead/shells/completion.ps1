# Completion of `stead` for PowerShell 7.1 and later: stead completion pwsh
# A table written as @{} would not tell -v from -V.
$global:SteadTable = [hashtable]::new([StringComparer]::Ordinal)
@TABLE@

Register-ArgumentCompleter -Native -CommandName stead -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $table = $global:SteadTable
  $state = ''; $n = 0; $pending = $false; $option = ''; $directory = ''; $literal = $false
  $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
    Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
  foreach ($element in $before) {
    $word = if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
      $element.Value
    } else {
      $element.Extent.Text
    }
    if ($pending -and -not $word.StartsWith('-')) {
      $pending = $false
      if ($option -ceq '-C') { $directory = $word }
      continue
    }
    $pending = $false
    if ($literal -or ($table.ContainsKey("t:$state") -and $n -gt 0)) {
      $n++
    } elseif ($word -ceq '--') {
      $literal = $true
    } elseif ($word.StartsWith('-')) {
      $option = $word
      $pending = $table.ContainsKey("v:${state}:$word")
    } elseif (@($table["w:$state"] | ForEach-Object { "$_".Split("`t")[0] }) -ccontains $word) {
      $state = if ($state) { "$state/$word" } else { $word }
    } else {
      $n++
    }
  }
  $kind = ''; $lines = @(); $prefix = ''
  $tail = $table.ContainsKey("t:$state")
  $positional = if ($table.ContainsKey("p:${state}:$n")) { "p:${state}:$n" } else { "p:${state}:*" }
  if ($pending -and -not $wordToComplete.StartsWith('-')) {
    $kind = "$($table["v:${state}:$option"])"
  } elseif ($tail -and ($n -gt 0 -or $literal)) {
    return # PowerShell offers files
  } elseif ($literal) {
    $kind = "$($table[$positional])"
  } elseif ($wordToComplete -match '^(--[^=]*)=') {
    $prefix = "$($Matches[1])="
    $kind = "$($table["v:${state}:$($Matches[1])"])"
  } elseif ($wordToComplete.StartsWith('-')) {
    $lines = $table["o:$state"]
  } elseif ($table.ContainsKey("w:$state")) {
    $lines = $table["w:$state"]
  } else {
    $kind = "$($table[$positional])"
  }
  if ($kind.StartsWith('=')) {
    $lines = $kind.Substring(1).Split(' ')
  } elseif ($kind -and $kind -notin 'file', 'directory', 'command') {
    $ask = if ($directory) { @('-C', $directory) } else { @() }
    $lines = @(& @PROGRAM@ @ask __complete $kind 2>$null)
  }
  foreach ($line in $lines) {
    $word, $about = "$line".Split("`t", 2)
    $text = "$prefix$word"
    if (-not $word -or -not $text.StartsWith($wordToComplete.Trim("'", '"'), [StringComparison]::Ordinal)) { continue }
    if ($text -notmatch '^[A-Za-z0-9_./-][A-Za-z0-9_./:=+-]*$') {
      $text = "'" + ($text -replace "(['\u2018\u2019\u201a\u201b])", '$1$1') + "'"
    }
    if (-not $about) { $about = $word }
    [System.Management.Automation.CompletionResult]::new($text, $word, 'ParameterValue', $about)
  }
}
