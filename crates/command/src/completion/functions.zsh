# Names that begin with $2, of the kind $1, from the daemon; nothing when it does not answer in time.
_xcat_names() {
    local at=${words[(I)-t]} type=node
    ((at)) && type=${words[at + 1]:-node}
    reply=(${(f)"$(timeout 2 xcat complete $1 "$2" $type </dev/null 2>/dev/null)"})
}

# Offers what the tokens allow.
_xcat_tokens() {
    local token found=1
    local -a reply
    for token; do
        [[ $token == -* ]] && continue
        case $token in
        *=%*)
            if compset -P "${token%%\%*}"; then
                _xcat_names "${token##*%}" "$PREFIX"
                compadd -a reply && found=0
            else
                compadd -S '' -- "${token%%\%*}" && found=0
            fi
            ;;
        %file) _files && found=0 ;;
        %attribute | %column)
            _xcat_names "${token#%}" "$PREFIX"
            compadd -S '' -a reply && found=0
            ;;
        %noderange)
            # Several are separated: n1,n2 and n1@rack1 and all,-n1.
            compset -P '*[,@]'
            compset -P '-'
            _xcat_names noderange "$PREFIX"
            compadd -a reply && found=0
            ;;
        %*)
            compset -P '*,'
            _xcat_names "${token#%}" "$PREFIX"
            compadd -a reply && found=0
            ;;
        *) compadd -- "$token" && found=0 ;;
        esac
    done
    return found
}

_xcat() {
    local name=$service
    if [[ $name == xcat ]]; then
        if ((CURRENT == 2)) || [[ $words[2] == help ]]; then
            _describe command _xcat_commands
            return
        fi
        shift words
        ((CURRENT--))
        name=$words[1]
        [[ " $_comps[xcat-$name] " == '  ' ]] || name=xcat-$name
    fi
    _xcat_arguments $name
}

_xcat "$@"
