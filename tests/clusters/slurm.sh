# Slurm for the tests, read by tests/services.sh: munge, slurmctld, one slurmd, and a login node that is
# an sshd of its own. Everything lies in $state/slurm.
# shellcheck shell=bash disable=SC2154  # services.sh has the variables

slurm=$state/slurm

start_slurm() {
  mkdir -p "$slurm"/{munge,controller/state,node/spool,login,bin} /run/sshd
  chmod 700 "$slurm"/{munge,login} # munge and ssh insist
  make_keys
  write_slurm slurm.conf "$slurm"
  write_slurm gres.conf "$slurm"
  write_slurm sshd_config "$slurm/login"
  write_slurm ssh_config "$slurm/login"
  # shellcheck disable=SC2016  # the script's own
  printf '#!/bin/sh\nexec %s -F %s "$@"\n' /usr/bin/ssh "$slurm/login/ssh_config" >"$slurm/bin/ssh"
  chmod +x "$slurm/bin/ssh"
  export SLURM_CONF=$slurm/slurm.conf
  start_process slurm/munge has_credentials -- munged --foreground --force --key-file="$slurm/munge/key" \
    --socket="$slurm/munge/socket" --pid-file="$slurm/munge/pid" --log-file="$slurm/munge/log" --seed-file="$slurm/munge/seed"
  start_process slurm/controller scontrol_answers -- slurmctld -D -L "$slurm/controller/log"
  start_process slurm/node node_is_up -- slurmd -D -N node1 -L "$slurm/node/log"
  start_process slurm/login login_answers -- /usr/sbin/sshd -D -f "$slurm/login/sshd_config"
}

# write_slurm NAME FOLDER: the file of tests/clusters/slurm, with this machine's names in it.
write_slurm() {
  sed "s|FOLDER|$slurm|g; s|HOST|$(hostname)|g; s|STATE|$state|g" "$tests/clusters/slurm/$1" >"$2/$1"
}

make_keys() {
  [ ! -e "$slurm/login/known_hosts" ] || return 0
  local name
  (umask 077 && head --bytes 1024 /dev/urandom >"$slurm/munge/key")
  for name in key wrong_key host_key wrong_host_key; do
    rm -f "$slurm/login/$name"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$slurm/login/$name"
  done
  printf '%s %s\n' login "$(cat "$slurm/login/host_key.pub")" changed "$(cat "$slurm/login/wrong_host_key.pub")" \
    >"$slurm/login/known_hosts"
}

has_credentials() { munge --socket "$slurm/munge/socket" --no-input >/dev/null 2>&1; }

scontrol_answers() { timeout 5 scontrol ping 2>/dev/null | grep -q 'is UP'; }

node_is_up() { timeout 5 sinfo --noheader --format %t 2>/dev/null | grep -qxE 'idle|mix|alloc|comp'; }

login_answers() { timeout 10 "$slurm/bin/ssh" login true 2>/dev/null; }

stop_slurm() {
  SLURM_CONF=$slurm/slurm.conf timeout 20 scancel --full --user root 2>/dev/null || true
  local name
  for name in login node controller munge; do stop_process "slurm/$name"; done
}
