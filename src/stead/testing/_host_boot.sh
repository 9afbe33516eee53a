# Become a machine: within namespaces of its own, over a root that others share.
# BASE PLACE NAME INIT SIZE
set -e
base=$1 place=$2 name=$3 init=$4 size=$5
mount --make-rprivate /
mount -t tmpfs -o "size=$size" tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" "$place/root"
root=$place/root
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
for directory in run tmp dev; do mount -t tmpfs tmpfs "$root/$directory"; done
chmod 1777 "$root/tmp"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
while read -r device major minor; do
    mknod -m 666 "$root/dev/$device" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ip link set lo up
hostname "$name"
echo "$name" >"$root/etc/hostname"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
mkdir "$root/old"
pivot_root "$root" "$root/old"
cd /
umount -l /old
rmdir /old
clean='env -i container=stead PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
case $init in
systemd) exec $clean /lib/systemd/systemd --system --log-target=null --show-status=no ;;
*)
    mkdir -p /run/sshd
    # The first process buries whom nobody else does: a shell does that while it waits.
    exec $clean sh -c '/usr/sbin/sshd -D & while :; do wait; sleep 1; done'
    ;;
esac
