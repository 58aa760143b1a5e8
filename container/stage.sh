#!/bin/bash
# usage: stage.sh PROGRAMS ROOT    Lays the files of the management node out in ROOT, with the programs of that folder.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=$1
root=$2
share=$root/opt/xcat/share/xcat

umask 022
rm -rf "$root"
mkdir -p "$root/opt/xcat/bin" "$root/opt/xcat/sbin" "$share/node" "$share/container" "$root/etc/profile.d"
cp -r "$top/assets/." "$share/"
install -m 755 "$programs/xcat" "$root/opt/xcat/bin/xcat"
install -m 755 "$programs/xcatd" "$root/opt/xcat/sbin/xcatd"
install -m 755 "$programs/xcat-node" "$share/node/xcat-node"
install -m 755 "$top/container/init" "$share/container/init"
install -m 644 "$top/container/login.sh" "$top/container/hosts.sh" "$share/container/"
install -m 644 "$top/container/profile.sh" "$root/etc/profile.d/xcat.sh"
