#!/bin/sh
# Runs inside the new system when its packages are installed, and before apt's lists are removed.
set -eu

# mmdebstrap gives the files of its --dpkgopt and --aptopt names of its own.
[ ! -e /etc/dpkg/dpkg.cfg.d/99mmdebstrap ] || mv /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/90-xcat
[ ! -e /etc/apt/apt.conf.d/99mmdebstrap ] || mv /etc/apt/apt.conf.d/99mmdebstrap /etc/apt/apt.conf.d/90-xcat

# The commands' own pages are found from every shell, whatever its environment.
for tool in man apropos; do
    printf '#!/bin/sh\nexec m%s -m /opt/xcat/share/man "$@"\n' $tool >/usr/local/bin/$tool
    chmod 755 /usr/local/bin/$tool
done

# Of ipxe the loaders alone: most of the package is an image of a CD.
boot=/opt/xcat/share/xcat/boot
box=$(mktemp -d)
mkdir -p $boot
cd "$box"
apt-get -q -o APT::Sandbox::User=root download ipxe
dpkg-deb -x ipxe_*.deb .
for file in undionly.kpxe ipxe.efi snponly.efi ipxe-arm64.efi; do
    found=$(find . -type f -name $file | head -n 1)
    [ -z "$found" ] || cp "$found" $boot/
done
[ -e $boot/ipxe.efi ] || cp "$(find . -type f -name ipxe-amd64.efi | head -n 1)" $boot/ipxe.efi
cd /
rm -rf "$box"

# What maintainer scripts have left: caches, backups, and the keys that every container makes for itself.
# Python's packages compile all of their files when they are installed, so what is too much goes afterwards.
find /usr/lib/python3* \( -name __pycache__ -o -name test -o -name idlelib -o -name pydoc_data \) -prune -exec rm -rf {} +
find /var/log -type f -delete
apt-get clean
rm -rf /etc/ssh/ssh_host_* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/lib/apt/lists/* /var/cache/ldconfig
