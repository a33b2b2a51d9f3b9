# A lab's Slurm for the tests, read by tests/services.sh: Debian's newest Slurm, Apptainer and sshd on a disk of
# their own, with a user ada who has no rights. What is to run there has to travel there. It takes minutes to
# install, so it is made in the background. Everything lies in $state/lab.
# shellcheck shell=bash disable=SC2154  # services.sh has the variables

lab=$state/lab
lab_packages=(ca-certificates slurmctld slurmd slurm-client munge openssh-server apptainer squashfs-tools squashfuse
  fuse-overlayfs uidmap python3)

# What two callers do at once, the second finds done.
start_lab() {
  mkdir -p "$lab"
  exec 9>"$lab/lock"
  flock 9
  [ -e "$lab/complete" ] || (make_lab) 9>&-
  cp "$tests/clusters/lab/"{boot,sshd_config} "$lab/root/lab/"
  cp "$tests/clusters/lab/slurm.conf" "$lab/root/etc/slurm/"
  cp "$tests/clusters/lab/enter" "$lab/"
  cp "$slurm/login/key.pub" "$lab/root/home/ada/.ssh/authorized_keys"
  sed -i '/^lab /d' "$slurm/login/known_hosts"
  printf 'lab %s\n' "$(cat "$lab/root/etc/ssh/ssh_host_ed25519_key.pub")" >>"$slurm/login/known_hosts"
  start_process lab lab_is_up -- unshare --mount --uts --ipc --pid --fork --kill-child "$lab/enter" "$lab/root" 9>&-
  say "lab: ready"
}

make_lab() {
  say "lab: debootstrap"
  renice -n 10 $BASHPID >/dev/null
  logged lab-debootstrap patient unpack_debian sid "$lab/root" "$(IFS=, && echo "${lab_packages[*]}")"
  rm -rf "$lab/root"/usr/share/{doc,info,locale,man}/* "$lab/root"/var/lib/apt/lists/* "$lab/root"/var/cache/apt/*
  mkdir -p "$lab/root"/{lab,scratch/ada,home/ada/.ssh}
  echo 'ada:x:4321:4321:Ada:/home/ada:/bin/bash' >>"$lab/root/etc/passwd"
  echo 'ada:x:4321:' >>"$lab/root/etc/group"
  echo 'ada:*:19000::::::' >>"$lab/root/etc/shadow"
  echo 'ada:100000:65536' | tee -a "$lab/root/etc/subuid" >>"$lab/root/etc/subgid"
  echo '127.0.0.1 localhost lab' >"$lab/root/etc/hosts"
  chmod 700 "$lab/root/home/ada/.ssh"
  chown -R 4321:4321 "$lab/root"/{home,scratch}/ada
  touch "$lab/complete"
}

lab_is_up() {
  timeout 10 "$slurm/bin/ssh" lab sinfo --noheader --format %t 2>/dev/null | grep -qxE 'idle|mix|alloc|comp'
}

# unshare waits for what it has begun, whatever it is told; and that ends with it.
stop_lab() {
  local pid
  pid=$(process_id lab) || return 0
  say "lab: stopping process $pid"
  kill -KILL "$pid"
}
