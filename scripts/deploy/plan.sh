# shellcheck shell=bash
# What there is to deploy, read through driftgate, and everything that is asked before anything is changed.
#
# Bash before 4.4 takes an empty array for a variable that is not set, hence the + in front of those that may be empty.

find_tools() {
  local tool
  for tool in "$HELM" "$KUBECTL"; do
    command -v -- "$tool" >/dev/null ||
      refuse "there is no $tool" '' "install it, or name it: ${tool^^}=/path/to/$tool"
  done
  local version
  version=$("$HELM" version --template '{{.Version}}' 2>"$work/said") ||
    refuse "$HELM does not tell its version" "$work/said" 'install Helm 3.13 or newer'
  if [[ ! $version =~ ^v([0-9]+)\.([0-9]+) ]] || ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 3013)); then
    refuse "Helm is $version" '' 'install Helm 3.13 or newer, which can label a release'
  fi
  # Helm 4 as Helm 3 and Argo CD do it: it waits for workloads only, and what somebody changed by hand is overwritten
  # instead of being a conflict.
  helm_ways=(--wait)
  if ((BASH_REMATCH[1] >= 4)); then
    helm_ways=(--wait=legacy --server-side=false)
  fi
  if [[ -z ${DRIFTGATE:-} ]]; then
    DRIFTGATE=$ROOT/.venv/bin/driftgate
    [[ -x $DRIFTGATE ]] || DRIFTGATE=driftgate
  fi
  command -v -- "$DRIFTGATE" >/dev/null ||
    refuse 'there is no driftgate' '' "run make live in this repository, or: pip install 'driftgate[live]'"
}

# The releases in their order, with everything that helm is given, as small files; see `driftgate releases --help`.
read_releases() {
  run "$DRIFTGATE" releases "$ROOT" --environment "$ENVIRONMENT" --into "$work/plan" >"$work/said" 2>&1 ||
    refuse 'not everything in this checkout can be deployed' "$work/said" 'mend what is named above'
  mapfile -t roots <"$work/plan/roots"
  order=()
  local folder name
  declare -A known=()
  while IFS= read -r folder; do
    name=$(<"$work/plan/$folder/application")
    known[$name]=1
    if [[ -z $only || ,$only, == *,"$name",* ]]; then
      order+=("$folder")
    fi
  done <"$work/plan/order"
  applications=()
  if [[ -n $only ]]; then
    local -a wanted
    IFS=, read -r -a wanted <<<"$only"
    for name in "${wanted[@]}"; do
      [[ -n ${known[$name]:-} ]] || usage_error "--only: no Application is called $name; there is ${!known[*]}"
      applications+=(--application "$name")
    done
  fi
  ((${#order[@]})) || refuse 'there is nothing to deploy' '' 'look at: driftgate waves'
}

fact() { printf '%s' "$(<"$work/plan/$1/$2")"; }

# with_release FOLDER: sets what the functions below talk about.
with_release() {
  application=$(fact "$1" application)
  release=$(fact "$1" release)
  namespace=$(fact "$1" namespace)
  chart=$(fact "$1" chart)
  mapfile -t arguments <"$work/plan/$1/arguments"
  mapfile -t waits <"$work/plan/$1/waits"
}

namespaces() {
  local folder
  for folder in "${order[@]}"; do
    printf '%s\n' "$(fact "$folder" namespace)"
  done | sort -u
}

kube() { "$KUBECTL" --context "$context" "$@"; }
helm_at() { "$HELM" "$1" --kube-context "$context" --namespace "$namespace" "${@:2}"; }

# ask_driftgate COMMAND OPTIONS...: a command that looks at the cluster.
ask_driftgate() {
  run "$DRIFTGATE" "$1" "$ROOT" --environment "$ENVIRONMENT" --context "$context" "${@:2}"
}

choose_context() {
  if [[ -z $context ]]; then
    context=$(fact "${order[0]}" context)
  fi
  [[ -n $context ]] || refuse 'it is not known which cluster is meant' '' \
    "name a kubeconfig context: --context NAME; with \`driftgate cluster --context NAME --write\` policy remembers it"
}

gate() {
  step "gate: driftgate check"
  if run "$DRIFTGATE" check "$ROOT" --environment "$ENVIRONMENT" >"$work/gate" 2>&1; then
    say "$(tail -n 1 "$work/gate")"
    return
  fi
  indented <"$work/gate" >&2
  [[ -n $force ]] || refuse 'the gate does not pass' '' 'mend the findings, or say why they may wait: --force REASON'
  say "forced: $force"
}

serves_applications() { kube get --raw /apis/argoproj.io/v1alpha1 2>/dev/null | grep -q '"applications"'; }

choose_via() {
  if [[ -z $via ]]; then
    if serves_applications; then via=argocd; else via=helm; fi
  fi
}

preflight() {
  step "preflight: context $context, delivery by $via"
  local status=0
  ask_driftgate preflight --via "$via" ${applications[@]+"${applications[@]}"} >"$work/preflight" 2>&1 || status=$?
  indented <"$work/preflight"
  ((status == 0)) || refuse 'the cluster would not take the deploy' '' 'mend what is named above, and run it again'
}

lint() {
  step "lint: every chart with its own values"
  local folder broken=0
  for folder in "${order[@]}"; do
    with_release "$folder"
    if run helm_lint >"$work/said" 2>&1; then
      say "$application: ${chart#"$ROOT/"}"
    else
      broken=1
      problem "$application: helm lint fails" "$work/said" "mend ${chart#"$ROOT/"} or the values that are named above"
    fi
  done
  ((broken == 0)) || refuse 'a chart does not pass helm lint' '' 'helm lint names the file and the line'
}

helm_lint() {
  local argument
  local -a for_lint=()
  for argument in ${arguments[@]+"${arguments[@]}"}; do
    # The one flag of a release that lint does not know.
    [[ $argument == --skip-crds ]] || for_lint+=("$argument")
  done
  exec "$HELM" lint "$chart" --kube-context "$context" --namespace "$namespace" --quiet ${for_lint[@]+"${for_lint[@]}"}
}

confirmed() {
  if $yes; then
    return
  fi
  [[ -t 0 ]] || refuse 'nobody is there to ask' '' 'say it beforehand: --yes'
  local answer=''
  read -r -p "$1 [y/N] " answer || true
  [[ $answer =~ ^[yY]([eE][sS])?$ ]] || refuse 'not confirmed' '' 'nothing: this was your answer'
}
