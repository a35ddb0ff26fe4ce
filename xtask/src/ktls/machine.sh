#!/bin/sh
# machine.sh FOLDER PORTWAY: boots a virtual machine with the kernel that is unpacked in
# FOLDER/kernel, and with PORTWAY, in which guest.sh runs. Its output is the machine's.
set -eu
folder=$1 portway=$2 here=$(cd "$(dirname "$0")" && pwd)
cd "$folder"

# Packages before Debian 14 have the kernel in boot/, later ones beside its modules.
image=$(find "$folder/kernel" -name 'vmlinuz*' -type f | head -n 1)
modules=$(dirname "$(find "$folder/kernel" -path '*/modules/*' -name kernel -type d | head -n 1)")
version=$(basename "$modules")

rm -rf disk
mkdir -p disk/bin disk/sbin disk/proc disk/sys disk/dev disk/tmp disk/run disk/etc disk/www \
    disk/lib64 "disk/lib/modules/$version"
for part in kernel/net/tls kernel/crypto kernel/lib/crypto kernel/arch/x86/crypto; do
    [ ! -d "$modules/$part" ] || (cd "$modules" && find "$part" -type f) |
        while read -r file; do
            mkdir -p "disk/lib/modules/$version/$(dirname "$file")"
            cp "$modules/$file" "disk/lib/modules/$version/$file"
        done
done
find disk/lib/modules -name '*.ko.xz' -exec xz -d {} +
find "$modules" -maxdepth 1 -name 'modules.*' -exec cp {} "disk/lib/modules/$version/" ';'
busybox depmod -b "$folder/disk" "$version"

cp "$(command -v busybox)" disk/bin/busybox
ln -s busybox disk/bin/sh
ln -s /bin/busybox disk/sbin/modprobe
strip -g -o disk/bin/portway "$portway"
cp "$(command -v openssl)" "$(command -v curl)" disk/bin/
ldd disk/bin/portway disk/bin/openssl disk/bin/curl | grep -o '/[^ ]*\.so[^ ]*' | sort -u |
    while read -r file; do cp -L "$file" disk/lib/; done
mv disk/lib/ld-linux-x86-64.so.* disk/lib64/

cp "$here"/*.conf disk/etc/
echo 'root:x:0:0::/:/bin/sh' > disk/etc/passwd
echo 'root:x:0:' > disk/etc/group
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=localhost \
    -keyout disk/etc/key.pem -out disk/etc/cert.pem 2> /dev/null
cp "$here/guest.sh" disk/init
chmod +x disk/init
(cd disk && find . | cpio -o -H newc 2> /dev/null) | gzip -1 > disk.gz

# Without hardware support, so that it runs everywhere; with no network but its own loopback.
exec timeout 900 qemu-system-x86_64 -machine q35 -cpu max -smp 2 -m 1024 -display none -nodefaults \
    -no-reboot -serial stdio -kernel "$image" -initrd disk.gz \
    -append 'console=ttyS0 quiet panic=-1'
