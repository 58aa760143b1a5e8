#!/bin/sh
# Runs inside the new system when the programs are there: one client under every command's name, with manual pages and
# completion, all of it from the declarations of the commands.
set -eu
cd /opt/xcat
for link in $(bin/xcat help --links); do ln -sf ../bin/xcat "$link"; done
bin/xcat help --install /opt/xcat
makewhatis /opt/xcat/share/man
