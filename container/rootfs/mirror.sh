#!/bin/sh
# usage: mirror.sh use MIRROR    Lets apt take packages from MIRROR while an image is built; its security updates lie beside.
#        mirror.sh restore       Puts the package sources back as the base image had them.
set -eu
saved=/tmp/sources.saved
sources=/etc/apt/sources.list
key=/usr/share/keyrings/debian-archive-keyring.pgp
[ -e $key ] || key=/usr/share/keyrings/debian-archive-keyring.gpg

case $1 in
use)
    mkdir -p $saved
    for place in $sources $sources.d; do [ ! -e $place ] || mv $place $saved/; done
    line() { echo "deb [signed-by=$key] $1 main"; }
    line "$2 trixie" >$sources
    line "$2 trixie-updates" >>$sources
    # The last is without them: an image of today's packages is better than none.
    for security in "$2-security" http://deb.debian.org/debian-security ''; do
        sed -i /trixie-security/d $sources
        [ -z "$security" ] || line "$security trixie-security" >>$sources
        apt-get -q -o APT::Update::Error-Mode=any update && exit
        echo "mirror.sh: there are no security updates at ${security:-these sources}" >&2
    done
    exit 1
    ;;
restore)
    rm -f $sources
    for place in $saved/*; do mv "$place" /etc/apt/; done
    rmdir $saved
    ;;
esac
