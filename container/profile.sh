# Login shells find the commands; so do the shells that sshd starts with a clean environment.
PATH=/opt/xcat/bin:/opt/xcat/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
XCATROOT=/opt/xcat
LANG=C.UTF-8
MANPATH=/opt/xcat/share/man:
export PATH XCATROOT LANG MANPATH

# An interactive bash completes commands, nodes, tables and images.
case ${BASH_VERSION:+$-} in
*i*) . /opt/xcat/share/bash-completion/completions/xcat ;;
esac
