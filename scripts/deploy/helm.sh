# shellcheck shell=bash
# Delivery by helm: a release for each Application, in the order of the sync waves.

# The newest record that Helm keeps of a release: version|status|host|script|helm, nothing where there is none.
newest_record() {
  local label template=''
  for label in version status deploy-stg-host deploy-stg-script deploy-stg-helm; do
    template+="{.metadata.labels.$label}|"
  done
  kube get secrets --namespace "$namespace" --selector "owner=helm,name=$release" \
    --output "jsonpath={range .items[*]}$template{'\n'}{end}" | sort -t '|' -k 1,1n | tail -n 1
}

# A label holds 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends.
this_host() {
  local name
  name=$(uname -n)
  name=${name//[^A-Za-z0-9.-]/-}
  printf 'h%s0' "${name:0:60}"
}

# Waits for a run that has the release in hand, and refuses where that run is another deploy of this machine. Leaves
# the newest record in `version` and `status`.
await_holder() {
  local record host script helm waited=0
  while record=$(newest_record) && IFS='|' read -r version status host script helm <<<"$record" &&
    [[ $status == pending-* ]]; do
    if [[ $host == "$(this_host)" ]] && is_running "$script"; then
      refuse "$release is being deployed by process $script on this machine" '' 'wait until that deploy has ended'
    fi
    # From here nobody can see whether the process of another machine still works, so its time has to run out.
    if [[ $host == "$(this_host)" ]] && ! is_running "$helm"; then
      return
    fi
    ((waited < timeout_seconds)) || return 0
    ((waited)) || say "$release is $status by process ${helm:-unknown} on ${host:-some machine}: waiting up to $timeout"
    run "$DEPLOY_SLEEP" 5
    waited=$((waited + 5))
  done
}

# A run that was killed leaves its release pending, and Helm refuses everything after it. Only the record is in the
# way: without it the next upgrade starts from the last release that was finished, and takes over what is there.
take_over() {
  local version='' status=''
  await_holder
  if [[ $status == pending-* ]]; then
    say "revision $version was left $status by a run that is gone; its record is removed"
    kube delete secret --namespace "$namespace" "sh.helm.release.v1.$release.v$version" >/dev/null
  elif [[ $status == uninstalling ]]; then
    say 'a delete that was interrupted is finished first'
    run helm_uninstall >"$work/said" 2>&1 ||
      refuse "$release cannot be uninstalled" "$work/said" 'look at: helm history'
  fi
}

# In a child of its own, so that the label names the process that works on the release.
helm_upgrade() {
  local labels
  labels=deploy-stg-host=$(this_host),deploy-stg-script=$$,deploy-stg-helm=$BASHPID
  exec "$HELM" upgrade --install "$release" "$chart" ${arguments[@]+"${arguments[@]}"} --kube-context "$context" \
    --namespace "$namespace" "${helm_ways[@]}" --timeout "${left}s" --labels "$labels" --description "$description"
}

helm_uninstall() {
  exec "$HELM" uninstall "$release" --kube-context "$context" --namespace "$namespace" \
    --wait --timeout "${timeout_seconds}s"
}

# Only what passes by itself is worth another attempt. What the API server or an admission rule refuses is refused
# again, and after Helm's own time-out the cluster shows what is missing.
passes_by_itself() {
  grep -Eiq -e 'connection (refused|reset)|no route to host|i/o timeout|TLS handshake timeout|unexpected EOF' \
    -e 'client connection lost|server is currently unable|too many requests|the server (was unable|is not ready)' \
    -e 'etcdserver:|leader changed|failed calling webhook|no endpoints available|has been modified; please apply' "$1"
}

deploy_release() {
  with_release "$1"
  step "$application: release $release in $namespace"
  take_over
  changed=true
  local attempt=0 started=$SECONDS before after
  before=$(manifest)
  while true; do
    left=$(time_left "$started")
    ! run helm_upgrade >"$work/helm" 2>&1 || break
    if ! passes_by_itself "$work/helm" || ((attempt >= ${#waits[@]})); then
      explain
      give_up
    fi
    say "$(tail -n 1 "$work/helm")"
    say "attempt $((attempt + 2)) of $((${#waits[@]} + 1)) in ${waits[attempt]} s, by the Application's retry policy"
    run "$DEPLOY_SLEEP" "${waits[attempt]}"
    attempt=$((attempt + 1))
  done
  after=$(manifest)
  if [[ $before == "$after" ]]; then
    say 'deployed: the same manifest as before'
  else
    say 'deployed'
  fi
  ask_driftgate status --brief --wait "$(time_left "$started")" --application "$application" >"$work/status" || {
    indented <"$work/status" >&2
    refuse "$application does not become healthy" '' "what is named above; then run $PROGRAM deploy again"
  }
  head -n 1 "$work/status" | indented
}

# What is left of the time of an Application, one second at the least, since a moment of this run.
time_left() {
  local left=$((timeout_seconds - (SECONDS - $1)))
  echo $((left > 1 ? left : 1))
}

# A checksum: the manifest itself may hold Secrets.
manifest() { helm_at get manifest "$release" 2>/dev/null | cksum || true; }

# Why helm failed: its own words, what the cluster says of the objects, and what to do.
explain() {
  local next
  case $(<"$work/helm") in
    *'timed out waiting'* | *'deadline exceeded'*)
      next="what is named above; where it only needs longer: --timeout"
      ask_driftgate status --brief --application "$application" >"$work/status" 2>&1 || true
      problem "$application: not ready after $timeout" "$work/status" "$next"
      return
      ;;
    *'is being terminated'* | *'because it is terminating'*)
      next="kubectl --context $context get namespace $namespace --output yaml  names what holds it" ;;
    *'exceeded quota'*) next="kubectl --context $context --namespace $namespace describe quota" ;;
    *forbidden*) next="driftgate preflight --context $context  names the rights that are missing" ;;
    *'field is immutable'*) next='the object has to be made anew; driftgate check --base tells it beforehand' ;;
    *'conflict with'*) next='somebody else has changed the field that is named above: undo that, or put it into Git' ;;
    *'invalid ownership metadata'*) next='the object is not from this release: delete it, or give it another name' ;;
    *'failed calling webhook'*) next='the webhook that is named above does not answer: look at its Pods' ;;
    *'no matches for kind'*) next='its CRD is not in the cluster: install the operator that brings it' ;;
    *) next="helm --kube-context $context --namespace $namespace history $release" ;;
  esac
  problem "$application: helm fails" "$work/helm" "$next"
}

create_namespaces() {
  local name phase
  for name in $(namespaces); do
    phase=$(kube get namespace "$name" --ignore-not-found --output 'jsonpath={.status.phase}' 2>"$work/said") ||
      refuse "namespace $name cannot be read" "$work/said" 'ask for the right to get namespaces'
    if [[ -z $phase ]]; then
      step "namespace $name"
      kube create namespace "$name" >"$work/said" 2>&1 ||
        refuse "namespace $name cannot be created" "$work/said" 'ask for that right, or for the namespace'
      changed=true
      indented <"$work/said"
    fi
  done
}

# Which state of which checkout is deployed, by whom: what `helm history` shows for ever after.
origin() {
  local commit
  commit=$(git -C "$ROOT" rev-parse --short=12 HEAD 2>/dev/null || echo 'no commit')
  [[ -z $(git -C "$ROOT" status --porcelain 2>/dev/null) ]] || commit+=' with changes'
  printf '%s by %s%s' "$commit" "${USER:-$(id -un)}" "${force:+, forced: $force}"
}

rehearse() {
  local folder failed=0
  for folder in "${order[@]}"; do
    with_release "$folder"
    if [[ $via == argocd ]]; then
      say "$application: Argo CD brings it to ${revision:0:12}"
    elif run helm_rehearsal >"$work/helm" 2>&1; then
      say "$application: helm would $(verb)"
    else
      failed=1
      explain
    fi
  done
  ((failed == 0)) || refuse 'the deploy would fail' '' 'what is named above'
}

# Its output is the whole manifest, Secrets included, so nobody sees it but Helm.
helm_rehearsal() {
  exec "$HELM" upgrade --install "$release" "$chart" ${arguments[@]+"${arguments[@]}"} --kube-context "$context" \
    --namespace "$namespace" --dry-run=server --output json
}

verb() {
  local version status
  IFS='|' read -r version status _ <<<"$(newest_record)"
  if [[ -z $version ]]; then echo "install $release"; else echo "upgrade $release from revision $version ($status)"; fi
}

delete_by_helm() {
  local folder name
  local -a present=()
  find_present
  namespaces_in_cluster >"$work/namespaces"
  show_what_goes
  if $dry_run; then
    step 'dry run: nothing was deleted'
    return
  fi
  if ((${#present[@]})) || { $delete_namespace && [[ -s $work/namespaces ]]; }; then
    confirmed "Delete what is named above from $context?"
    changed=true
  fi
  for folder in ${present[@]+"${present[@]}"}; do
    with_release "$folder"
    step "$application: uninstalling $release"
    # Gone meanwhile, by somebody else's hand, is as good.
    run helm_uninstall >"$work/helm" 2>&1 || [[ -z $(newest_record) ]] || {
      explain
      give_up
    }
  done
  if $delete_namespace; then
    while IFS= read -r name; do
      delete_namespace "$name"
    done <"$work/namespaces"
  fi
}

# The releases that are in the cluster, last one first.
find_present() {
  local index version status
  for ((index = ${#order[@]} - 1; index >= 0; index--)); do
    with_release "${order[index]}"
    version='' status=''
    await_holder
    if [[ -n $version ]]; then
      present+=("${order[index]}")
    fi
  done
}

show_what_goes() {
  local folder name
  ((${#present[@]})) || say 'no release of this environment is in the cluster'
  for folder in ${present[@]+"${present[@]}"}; do
    with_release "$folder"
    say "$application: release $release"
    helm_at get manifest "$release" | kube get --namespace "$namespace" --ignore-not-found --output name --filename - \
      2>/dev/null | sed 's/^/  /' | indented || true
  done
  while IFS= read -r name; do
    if $delete_namespace; then
      say "namespace $name, with everything that is in it:"
      everything_in "$name" | sed 's/^/  /' | indented
    else
      say "namespace $name stays"
    fi
  done <"$work/namespaces"
}

delete_namespace() {
  step "namespace $1"
  run "$KUBECTL" --context "$context" delete namespace "$1" --ignore-not-found \
    --timeout "${timeout_seconds}s" >"$work/said" 2>&1 || {
    kube get namespace "$1" --output 'jsonpath={range .status.conditions[*]}{.message}{"\n"}{end}' >>"$work/said"
    refuse "namespace $1 does not go" "$work/said" 'what is named above holds it; it goes when that is gone'
  }
}

namespaces_in_cluster() {
  local name
  for name in $(namespaces); do
    kube get namespace "$name" --ignore-not-found --output 'jsonpath={.metadata.name}{"\n"}'
  done
}

everything_in() {
  local kinds
  kinds=$(kube api-resources --namespaced --verbs=list,delete --output name | grep -v '^events' | paste -s -d , -)
  kube get "$kinds" --namespace "$1" --ignore-not-found --output name 2>/dev/null |
    grep -v -x -e 'configmap/kube-root-ca.crt' -e 'serviceaccount/default' || true
}
