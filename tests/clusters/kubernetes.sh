# Kubernetes for the tests, read by tests/services.sh: etcd, API server, controller manager, scheduler, and
# two nodes, each a Docker engine and a kubelet. Everything lies in $state/kubernetes. The build takes minutes,
# so it goes on beside everything else, and the cluster starts after it by itself.
# shellcheck shell=bash disable=SC2154  # services.sh has the variables

kubernetes=$state/kubernetes
etcd=http://127.0.0.1:23784
nodes=(node1 node2)
bridges=(skelebot1 skelebot2)
subnets=(172.31.253 172.31.252)
loaded=(skelebot-test/base python:3.13-slim) # what the nodes have without a registry

# What two callers do at once, the second finds done.
start_kubernetes() {
  mkdir -p "$kubernetes" "$runtime"
  exec 9>"$kubernetes/start.lock"
  flock 9
  rm -f "$kubernetes/ready"
  nice -n 5 "$tests/clusters/kubernetes_build.sh" "$kubernetes" 9>&-
  start_control 9>&-
  start_nodes 9>&-
  await kubernetes/api count_cards
  touch "$kubernetes/ready"
  say "kubernetes: ready"
}

# Graphics cards that are only counted, as a device plugin would: the oldest kubectl cannot say so.
count_cards() {
  "$kubernetes/newest/kubectl" --kubeconfig "$kubernetes/kubeconfig.admin" patch node node1 --subresource status --type json \
    --patch '[{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": "2"}]' >/dev/null
}

start_control() {
  local name
  mkdir -p "$kubernetes"/{etcd,api,controller,scheduler}
  write_kubernetes kubeconfig "$kubernetes"
  write_kubernetes tokens.csv "$kubernetes"
  sed 's/^contexts:/current-context: admin\n&/' "$kubernetes/kubeconfig" >"$kubernetes/kubeconfig.admin"
  [ -e "$kubernetes/key" ] || logged kubernetes-key openssl genrsa -out "$kubernetes/key" 2048
  start_process kubernetes/etcd fetch --fail "$etcd/health" -- "$kubernetes/bin/etcd" --data-dir "$kubernetes/etcd/data" \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" --listen-peer-urls http://127.0.0.1:23785
  # Jobs remove themselves only by a feature that became usual after this version; the nodes' faults count soon.
  start_process kubernetes/api admin get --raw /readyz -- "$kubernetes/bin/kube-apiserver" --etcd-servers "$etcd" \
    --secure-port 23786 --bind-address 127.0.0.1 --advertise-address "${subnets[0]}.1" --cert-dir "$kubernetes/api" \
    --service-cluster-ip-range 10.96.0.0/16 --token-auth-file "$kubernetes/tokens.csv" --authorization-mode RBAC \
    --service-account-key-file "$kubernetes/key" --service-account-signing-key-file "$kubernetes/key" \
    --service-account-issuer https://kubernetes.default.svc --allow-privileged=true \
    --enable-admission-plugins PodSecurityPolicy --feature-gates TTLAfterFinished=true \
    --default-not-ready-toleration-seconds 20 --default-unreachable-toleration-seconds 20 \
    --kubelet-preferred-address-types InternalIP
  start_process kubernetes/controller healthy 23787 -- "$kubernetes/bin/kube-controller-manager" \
    --kubeconfig "$kubernetes/kubeconfig.admin" --service-account-private-key-file "$kubernetes/key" \
    --use-service-account-credentials=true --leader-elect=false --port 0 --secure-port 23787 --bind-address 127.0.0.1 \
    --cert-dir "$kubernetes/controller" --feature-gates TTLAfterFinished=true --node-monitor-grace-period 20s
  start_process kubernetes/scheduler healthy 23788 -- "$kubernetes/bin/kube-scheduler" \
    --kubeconfig "$kubernetes/kubeconfig.admin" --leader-elect=false --port 0 --secure-port 23788 --bind-address 127.0.0.1 \
    --cert-dir "$kubernetes/scheduler"
  mkdir -p "$kubernetes/datasets"
  chmod 777 "$kubernetes/datasets"
  write_kubernetes objects.yaml "$kubernetes"
  await kubernetes/api admin apply --filename "$kubernetes/objects.yaml"
}

# Whole at once: others may be reading what was there.
write_kubernetes() {
  sed "s|FOLDER|$kubernetes|g" "$tests/clusters/kubernetes/$1" >"$2/$1.part"
  mv "$2/$1.part" "$2/$1"
}

admin() {
  timeout 30 "$kubernetes/oldest/kubectl" --kubeconfig "$kubernetes/kubeconfig.admin" --request-timeout 20s "$@" >/dev/null 2>&1
}

healthy() { fetch --insecure --fail "https://127.0.0.1:$1/healthz"; }

start_nodes() {
  local index
  for index in "${!nodes[@]}"; do
    # shellcheck disable=SC2034  # make_network reads them
    local name=${nodes[index]} bridge=${bridges[index]} subnet=${subnets[index]} port=$((23790 + index))
    make_network
    start_node
  done
}

# Only `start_nodes` calls these two: name, bridge, subnet and port are its own.
start_node() {
  local folder=$kubernetes/$name host=unix://$runtime/$name.sock
  mkdir -p "$folder"
  start_node_engine
  make_pause
  load_images
  sed "s/ADDRESS/$subnet.1/; s/PORT/$port/; s/NAMESERVER/$(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf)/" \
    "$tests/clusters/kubernetes/kubelet.yaml" >"$folder/kubelet.yaml"
  # A kubelet removes the logs of pods that it does not know, so each sees a folder of its own there.
  mkdir -p "$folder/pods" /var/log/pods
  mountpoint -q /var/log/pods || { mount --bind /var/log/pods /var/log/pods && mount --make-private /var/log/pods; }
  # What it mounts for its pods has to be seen by its engine, which is in no such namespace.
  mkdir -p "$folder/root"
  mountpoint -q "$folder/root" || { mount --bind "$folder/root" "$folder/root" && mount --make-shared "$folder/root"; }
  # It would pull with the logins of the home that it has, so that is its own.
  # shellcheck disable=SC2016  # the inner shell expands them
  start_process "kubernetes/$name" node_is_ready "$name" -- \
    unshare --mount --propagation unchanged sh -c 'mount --bind "$0" /var/log/pods && exec "$@"' "$folder/pods" \
    env "HOME=$folder" "$kubernetes/bin/kubelet" --kubeconfig "$kubernetes/kubeconfig.admin" \
    --config "$folder/kubelet.yaml" --root-dir "$folder/root" --cert-dir "$folder/certificates" --node-ip "$subnet.1" \
    --docker-endpoint "$host" --hostname-override "$name" --pod-infra-container-image skelebot-test/pause --network-plugin=
}

# node_is_ready NAME: a node that has just died is called ready for a while.
node_is_ready() {
  process_id "kubernetes/$1" >/dev/null && admin wait --for condition=Ready "node/$1" --timeout 5s
}

start_node_engine() {
  cp "$tests/clusters/kubernetes/runtime" "$kubernetes/"
  rm -f "$runtime/$name.pid"
  start_process "kubernetes/$name-engine" answers --host "$host" -- dockerd --data-root "$kubernetes/$name-engine" \
    --exec-root "$runtime/$name" --pidfile "$runtime/$name.pid" --host "$host" --bridge "$bridge" --iptables=false \
    --add-runtime "score=$kubernetes/runtime" --default-runtime score
}

# A pod's own process only sleeps: podman's does it too.
make_pause() {
  docker --host "$host" image inspect skelebot-test/pause >/dev/null 2>&1 ||
    tar -c -C /usr/bin catatonit | docker --host "$host" import --change 'ENTRYPOINT ["/catatonit", "-P"]' - skelebot-test/pause >/dev/null
}

load_images() {
  [ "$(docker --host "$host" image inspect --format '{{.Id}}' "${loaded[0]}" 2>/dev/null)" = \
    "$(docker image inspect --format '{{.Id}}' "${loaded[0]}")" ] ||
    docker save "${loaded[@]}" | docker --host "$host" load >/dev/null
}

# Kubelet takes the mounts of its pods' volumes along only when it removes the pods itself.
stop_kubernetes() {
  local name
  if [ -x "$kubernetes/bin/kube-apiserver" ] && admin get --raw /readyz; then
    admin delete jobs,pods --all --all-namespaces --grace-period 1 --timeout 10s || true
  fi
  for name in "${nodes[@]}"; do
    stop_process "kubernetes/$name"
    stop_process "kubernetes/$name-engine"
  done
  for name in scheduler controller api etcd; do stop_process "kubernetes/$name"; done
  local index
  for index in "${!nodes[@]}"; do
    # shellcheck disable=SC2034  # remove_network reads them
    local bridge=${bridges[index]} subnet=${subnets[index]}
    remove_network
  done
  umount --lazy /var/log/pods 2>/dev/null || true
  awk -v folder="$kubernetes/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r | while read -r name; do
    umount --lazy "$name"
  done
}
