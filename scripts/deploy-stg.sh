#!/usr/bin/env bash
# 스테이징 환경을 배포하고, 상태를 보여 주고, 지운다. Deploys the staging environment, shows it, takes it down.
#
# Decisions
# - Names, order, values, retries and the cluster are read from the manifests and the policy by driftgate; the only
#   name that stands here is that of the environment.
# - driftgate looks, helm and kubectl write. What needs thought (what is wrong, and what to do about it) is a command
#   of driftgate, so that it is the same here, in a pipeline and by hand.
# - Where the cluster serves Argo CD's Applications, Argo CD delivers and this script watches. Two who deliver the
#   same release would undo each other's work for ever.
# - Everything that can refuse a deploy is asked before anything is changed.
# - Helm waits as Helm 3 does, for workloads; driftgate then waits by the health rules of Argo CD, in which an
#   ExternalSecret that is not ready holds back what needs its Secret. One rule, whichever Helm it is.
set -euo pipefail

readonly ENVIRONMENT=staging
readonly PROGRAM=${0##*/}
readonly DONE=0 FAILED=1 USAGE=2 REFUSED=3 INTERRUPTED=130 TERMINATED=143

if ((BASH_VERSINFO[0] < 4)); then
  echo "$PROGRAM: bash 4 or newer is needed, and this is $BASH_VERSION (on macOS: brew install bash)" >&2
  exit "$REFUSED"
fi

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
HELM=${HELM:-helm}
KUBECTL=${KUBECTL:-kubectl}
DEPLOY_SLEEP=${DEPLOY_SLEEP:-sleep}
# Where Helm keeps its releases decides what is found of earlier ones; everybody has to look in the same place.
export HELM_DRIVER=secret
unset HELM_NAMESPACE HELM_KUBECONTEXT

command=''
context=''
timeout=5m
timeout_seconds=300
only=''
via=''
force=''
dry_run=false
yes=false
delete_namespace=false

# What the parts below share: a folder of this run, and whether anything was changed yet. The releases are folders of
# "$work/plan"; `with_release` sets the facts of one of them.
work=''
changed=false
roots=()
order=()
applications=()
helm_ways=()

# shellcheck source=scripts/deploy/process.sh
source "$ROOT/scripts/deploy/process.sh"
# shellcheck source=scripts/deploy/plan.sh
source "$ROOT/scripts/deploy/plan.sh"
# shellcheck source=scripts/deploy/helm.sh
source "$ROOT/scripts/deploy/helm.sh"
# shellcheck source=scripts/deploy/argocd.sh
source "$ROOT/scripts/deploy/argocd.sh"

usage() {
  cat <<TEXT
Usage: $PROGRAM COMMAND [OPTIONS]

Commands
  deploy    bring the environment to what this checkout says, release by release in the order of its sync waves
  status    show releases, Pods, Services, Ingresses and URLs, and what is wrong with them
  delete    take the releases down in reverse order; the namespace stays
  help      this text

Options
  --context NAME        kubeconfig context; default: the one that policy names, never the current one
  --only APP[,APP...]   only these Applications
  --via helm|argocd     who delivers; default: Argo CD where the cluster serves its Applications, helm otherwise
  --timeout DURATION    the longest that one Application may take to become healthy: 90s, 5m, 1h (default: $timeout)
  --dry-run             look at everything and change nothing
  --yes                 do not ask
  --force REASON        deploy: go on although the gate fails or the checkout is not what is pushed; the reason is kept
                        in the release's history
  --delete-namespace    delete: the namespace and everything else in it, too

Environment
  KUBECONFIG            as for kubectl
  HELM, KUBECTL, DRIFTGATE
                        the programs, where the ones on the PATH are not meant
  DEPLOY_SLEEP          what waits between two attempts, instead of sleep

Exit codes: 0 done, 1 it did not work, 2 usage, 3 refused before anything was changed, 130 and 143 interrupted
TEXT
}

parse() {
  command=${1:-}
  case $command in
    deploy | status | delete) shift ;;
    help | --help | -h)
      usage
      exit "$DONE"
      ;;
    '') usage_error 'name a command: deploy, status or delete' ;;
    *) usage_error "no command is called $command" ;;
  esac
  while (($#)); do
    case $1 in
      --context=* | --only=* | --via=* | --timeout=* | --force=*)
        local option=$1
        shift
        set -- "${option%%=*}" "${option#*=}" "$@"
        ;;
      --context | --only | --via | --timeout | --force)
        (($# > 1)) && [[ -n $2 ]] || usage_error "$1 needs a value"
        case $1 in
          --context) context=$2 ;;
          --only) only=$2 ;;
          --via) via=$2 ;;
          --timeout) timeout=$2 ;;
          --force) force=$2 ;;
        esac
        shift 2
        ;;
      --dry-run) dry_run=true && shift ;;
      --yes) yes=true && shift ;;
      --delete-namespace) delete_namespace=true && shift ;;
      --help | -h)
        usage
        exit "$DONE"
        ;;
      *) usage_error "$command has no option $1" ;;
    esac
  done
  [[ $via =~ ^(|helm|argocd)$ ]] || usage_error "--via $via: helm or argocd"
  [[ $timeout =~ ^([1-9][0-9]{0,5})(s|m|h)?$ ]] || usage_error "--timeout $timeout: a number with s, m or h, such as 5m"
  local number=${BASH_REMATCH[1]}
  case ${BASH_REMATCH[2]} in
    m) timeout_seconds=$((number * 60)) ;;
    h) timeout_seconds=$((number * 3600)) ;;
    *) timeout_seconds=$number ;;
  esac
  [[ $command == deploy || -z $force ]] || usage_error "$command has no option --force"
  [[ $command == delete ]] || ! $delete_namespace || usage_error "$command has no option --delete-namespace"
  [[ $command != status ]] || ! $dry_run || usage_error 'status changes nothing anyway: leave --dry-run out'
}

deploy() {
  local folder revision='' left description
  find_tools
  read_releases
  gate
  choose_context
  choose_via
  preflight
  if [[ $via == argocd ]]; then
    pushed_revision "${roots[0]:-${order[0]}}"
  fi
  lint
  description=$(origin)
  if $dry_run; then
    rehearse
    step 'dry run: nothing was changed'
    return
  fi
  confirmed "Deploy ${#order[@]} Applications ($description) to $context by $via?"
  if [[ $via == argocd ]]; then
    deploy_by_argocd
  else
    create_namespaces
    for folder in "${order[@]}"; do
      deploy_release "$folder"
    done
    step 'status'
    ask_driftgate status ${applications[@]+"${applications[@]}"} ||
      refuse 'the environment is not as it should be' '' 'what is named above'
  fi
  step 'done'
}

status() {
  local folder name
  find_tools
  read_releases
  choose_context
  step "releases in context $context"
  for name in $(namespaces); do
    "$HELM" list --kube-context "$context" --namespace "$name" --max 0 | indented
  done
  ask_driftgate status ${applications[@]+"${applications[@]}"} || exit "$FAILED"
}

delete() {
  find_tools
  read_releases
  choose_context
  choose_via
  step "delete: context $context, delivered by $via"
  ask_driftgate cluster >"$work/said" 2>&1 ||
    refuse "context $context is not the cluster that policy names" "$work/said" 'name another one: --context NAME'
  find_applications
  if [[ $via == argocd ]]; then
    delete_by_argocd
  elif [[ -s $work/known ]]; then
    refuse 'Argo CD manages this environment, and would bring it back' "$work/known" "$PROGRAM delete --via argocd"
  else
    delete_by_helm
  fi
  step 'done'
}

main() {
  trap cleanup EXIT
  trap 'interrupted $INTERRUPTED' INT
  trap 'interrupted $TERMINATED' TERM
  parse "$@"
  sweep
  work=$(mktemp -d "${TMPDIR:-/tmp}/deploy-stg.$$.XXXXXX")
  "$command"
}

main "$@"
