#!/bin/bash
# First program of a host, in namespaces of its own: makes its network card and its disk, pivots into it, becomes
# tini and sshd. Everything that it needs to know is in the environment (see host.py).
#   net     an address of its own, so that Ray's fixed ports need no juggling
#   mount   an overlay root and its own /tmp, /root and /dev/shm: Ray keeps sessions and plasma there
#   pid     what ends processes inside sees this host alone, and one SIGKILL is a power cut
#   uts     a hostname; ipc: queues are not shared; cgroup: Ray reads its memory limit from the root that it sees
set -e
site() { nsenter --net=/proc/1/ns/net "$@"; }
# A machine keeps its network card: with another address after a boot, its neighbours would go on calling the old one
mac=02:00:$(printf '%02x:%02x:%02x:%02x' ${HOST_IP//./ })
site ip link add "$HOST_CARD" type veth peer name eth0 address "$mac" netns 1     # 1: ourselves, in our own counting
site ip link set "$HOST_CARD" master "$HOST_BRIDGE" up
ip -batch - <<IP
link set lo up
addr add $HOST_IP/$HOST_PREFIX dev eth0
link set eth0 up
route add default via $HOST_GATEWAY
IP
# In the cloud, metadata is on the link, and the sites' private addresses do not reach each other.
[ -z "$HOST_METADATA" ] || ip -batch - <<IP
route add 169.254.169.254/32 dev eth0
route add unreachable 10.77.0.0/24
IP

R=$HOST_DIR/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$HOST_DIR/upper,workdir=$HOST_DIR/work" "$R"
mount -t proc proc "$R/proc"
# Root in a host is root on the machine: what would turn off the machine itself is taken away.
mount --bind /dev/null "$R/proc/sysrq-trigger" 2>/dev/null || true
mount --rbind /dev "$R/dev"
mount -t tmpfs -o "size=$HOST_SHM,mode=1777" shm "$R/dev/shm"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs cgroup "$R/sys/fs/cgroup"
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup "$R/sys/fs/cgroup" 2>/dev/null || true
else
  for c in memory cpu; do
    mkdir "$R/sys/fs/cgroup/$c"; mount -t cgroup -o "$c" cgroup "$R/sys/fs/cgroup/$c" 2>/dev/null || true
  done
fi
mount -t tmpfs -o mode=755 run "$R/run"; mkdir -p "$R/run/sshd"
mount -t tmpfs -o "size=$HOST_TMP,mode=1777" tmp "$R/tmp"
mount -t tmpfs -o "size=$HOST_HOME,mode=700" root "$R/root"
# After /tmp and /root: the Python environment may well lie below one of them.
IFS=: read -ra binds <<< "$HOST_BINDS"
for p in "${binds[@]}"; do mkdir -p "$R$p"; mount --bind "$p" "$R$p"; mount -o remount,bind,ro "$R$p"; done

mkdir -p "$R/root/.ssh" "$R/etc/ssh"; chmod 700 "$R/root/.ssh"
install -m 600 "$HOST_AUTHORIZED" "$R/root/.ssh/authorized_keys"
install -m 600 "$HOST_KEY" "$R/etc/ssh/testbed_key"
# Ray's SSH runner sources .bashrc in a login shell; what stands there is what a machine image bakes in.
{ echo "export PATH=$HOST_PATH"; printf '%s\n' "$HOST_PROFILE"; } > "$R/root/.bashrc"
cp "$R/root/.bashrc" "$R/root/.profile"
cp -a "$HOST_DIR/files/." "$R/" 2>/dev/null || true
for name in shutdown poweroff halt; do install -m 755 "$HOST_SHUTDOWN" "$R/usr/sbin/$name"; done
hostname "$HOST_NAME"
rm -f "$R/etc/resolv.conf"; : > "$R/etc/resolv.conf"    # nobody to ask: names fail at once rather than after 10 s
printf '127.0.0.1 localhost\n%s %s\n' "$HOST_IP" "$HOST_NAME" > "$R/etc/hosts"

mkdir -p "$R/.oldroot"; cd "$R"; pivot_root . .oldroot; umount -l /.oldroot; cd /
bare=(env -i "PATH=$HOST_PATH" HOME=/root LANG=C.UTF-8)
scripts=/var/lib/cloud/instance/scripts
if [ -d $scripts ]; then                        # as cloud-init does: in order, as root, whatever the exit codes
  (for part in $scripts/*; do "${bare[@]}" "$part" || true; done) > /var/log/cloud-init-output.log 2>&1 < /dev/null &
fi
exec "${bare[@]}" "$(command -v tini)" -- "$(command -v sshd)" -D -e -f /dev/null -o HostKey=/etc/ssh/testbed_key \
  -o PidFile=none -o UsePAM=no -o UseDNS=no -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no \
  -o PrintMotd=no -o MaxStartups=100 -o MaxSessions=100
