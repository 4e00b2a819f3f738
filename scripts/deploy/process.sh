# shellcheck shell=bash
# How the script speaks, runs programs, and ends.

bold='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
fi

# The standard error of the script itself, whatever is redirected at the moment.
exec 3>&2

step() { printf '%s==> %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '    %s\n' "$1"; }
indented() { sed 's/^/    /'; }

# problem WHAT EVIDENCE_FILE|'' NEXT_STEP
problem() {
  printf '%s%s%s\n' "$red" "$1" "$plain" >&2
  if [[ -n $2 && -s $2 ]]; then
    indented <"$2" >&2
  fi
  printf '    next: %s\n' "$3" >&2
}

refuse() {
  problem "$@"
  if ! $changed; then
    echo "$PROGRAM: refused; nothing was changed" >&2
    exit "$REFUSED"
  fi
  give_up
}

give_up() {
  echo "$PROGRAM: $command did not finish; running it again goes on where it stopped" >&2
  exit "$FAILED"
}

usage_error() {
  printf '%s: %s\n' "$PROGRAM" "$1" >&2
  printf 'Try: %s help\n' "$PROGRAM" >&2
  exit "$USAGE"
}

cleanup() {
  if [[ -n $work ]]; then
    rm -rf -- "$work"
  fi
}

# What runs left behind that were killed: the values in it are nobody's business any more.
sweep() {
  local old owner
  for old in "${TMPDIR:-/tmp}"/deploy-stg.*.*; do
    owner=${old##*/deploy-stg.}
    if [[ -d $old && ! -L $old && -O $old ]] && ! is_running "${owner%%.*}"; then
      rm -rf -- "$old"
    fi
  done
}

# is_running PROCESS
is_running() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# A signal to this process alone, as a pipeline sends it, has to reach the program that works at the moment: Helm
# then marks its release as failed, and the next run goes on from there.
interrupted() {
  trap '' INT TERM
  local job
  # Asked of the shell, because a signal may come before `run` has so much as noted what it started.
  for job in $(jobs -p); do
    if kill -TERM "$job" 2>/dev/null; then
      wait "$job" || true
    fi
  done
  # A signal comes while `run` works, whose output goes to a file more often than not.
  echo "$PROGRAM: interrupted; running $command again goes on where it stopped" >&3
  exit "$1"
}

# run COMMAND...: in the background, because bash hears no signal while a program runs in front. A function has to end
# in `exec`: of another one the signal would reach the shell that waits for the program, and leave the program running.
run() {
  local status=0
  "$@" &
  wait "$!" || status=$?
  return "$status"
}
