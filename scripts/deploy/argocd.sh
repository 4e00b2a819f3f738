# shellcheck shell=bash
# Delivery by Argo CD: it is given the root Application, and watched.

# Argo CD deploys what is pushed, whatever lies in this folder. Sets `revision`.
pushed_revision() {
  local folder=$1 url branch head
  url=$(fact "$folder" repository)
  branch=$(fact "$folder" revision)
  [[ $branch != HEAD ]] || branch=''
  git ls-remote --exit-code "$url" "${branch:-HEAD}" >"$work/pushed" 2>"$work/said" ||
    refuse "$url does not tell where ${branch:-HEAD} is" "$work/said" 'check the address and your login to it'
  revision=$(cut -f 1 "$work/pushed" | head -n 1)
  head=$(git -C "$ROOT" rev-parse HEAD 2>/dev/null || true)
  git -C "$ROOT" status --porcelain >"$work/said" 2>/dev/null || true
  if [[ $head == "$revision" && ! -s $work/said ]]; then
    return
  fi
  if [[ -n $force ]]; then
    say "forced: Argo CD deploys ${revision:0:12}, which is not what lies here: $force"
    return
  fi
  [[ $head == "$revision" ]] || echo "this checkout is ${head:0:12}, ${branch:-HEAD} is ${revision:0:12}" >>"$work/said"
  refuse 'Argo CD would deploy something else than this checkout' "$work/said" \
    'commit, push and merge first; or say why that is meant: --force REASON'
}

# Writes the Applications of the environment that are in the cluster to "$work/known": namespace and name, one a line.
find_applications() {
  known_applications >"$work/known" 2>"$work/said" ||
    refuse "the Applications in the cluster cannot be read" "$work/said" 'driftgate preflight names the missing rights'
}

known_applications() {
  local folder
  serves_applications || return 0
  for folder in ${roots[@]+"${roots[@]}"} "${order[@]}"; do
    kube get applications.argoproj.io --namespace "$(fact "$folder" application-namespace)" --ignore-not-found \
      "$(fact "$folder" application)" --output 'jsonpath={.metadata.namespace}{" "}{.metadata.name}{"\n"}' || return
  done
}

deploy_by_argocd() {
  local folder owner name
  changed=true
  if [[ -z $only ]]; then
    for folder in ${roots[@]+"${roots[@]}"}; do
      step "Application $(fact "$folder" application)"
      kube apply --namespace "$(fact "$folder" application-namespace)" --filename "$(fact "$folder" manifest)" \
        >"$work/said" 2>&1 || refuse "it cannot be applied" "$work/said" 'driftgate preflight names the missing rights'
      indented <"$work/said"
    done
  fi
  # Argo CD looks at Git every few minutes by itself; the annotation makes it look now, and goes when it has looked.
  find_applications
  while read -r owner name; do
    kube annotate applications.argoproj.io --namespace "$owner" "$name" --overwrite \
      argocd.argoproj.io/refresh=normal ${force:+"deploy-stg/forced=$force"} >"$work/said" 2>&1 ||
      refuse "$name cannot be told to look at Git" "$work/said" 'driftgate preflight names the missing rights'
  done <"$work/known"
  step "waiting for revision ${revision:0:12}: Synced and Healthy"
  ask_driftgate status --wait "$timeout_seconds" --revision "$revision" ${applications[@]+"${applications[@]}"} ||
    refuse 'Argo CD has not brought the environment there' '' 'what is named above; Argo CD itself goes on trying'
}

delete_by_argocd() {
  local owner name folder
  [[ -z $only ]] || refuse 'a single Application would come back: its parent is there to see to that' '' \
    'remove its manifest from Git'
  if [[ ! -s $work/known ]]; then
    say 'no Application of this environment is in the cluster'
  fi
  indented <"$work/known"
  if $dry_run; then
    step 'dry run: nothing was deleted'
    return
  fi
  [[ ! -s $work/known ]] || confirmed "Delete these Applications and all that they deployed from $context?"
  changed=true
  # The root first, or it would bring its children back; its finalizer takes them along, and theirs what they deployed.
  while read -r owner name; do
    step "Application $name"
    run "$KUBECTL" --context "$context" delete applications.argoproj.io --namespace "$owner" "$name" \
      --ignore-not-found --timeout "${timeout_seconds}s" >"$work/said" 2>&1 ||
      refuse "Application $name does not go" "$work/said" 'look at its conditions: kubectl describe application'
  done <"$work/known"
}
