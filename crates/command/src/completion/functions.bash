# Names that begin with $2, of the kind $1, from the daemon; nothing when it does not answer in time.
__xcat_names() {
    timeout 2 xcat complete "$@" </dev/null 2>/dev/null
}

# Adds to COMPREPLY what the tokens after $1, the word so far, allow.
__xcat_reply() {
    local cur=$1 token head item names kind
    shift
    for token; do
        case $token in
        *=%*)
            head=${token%%%*}
            if [[ $cur == "$head"* ]]; then
                mapfile -t names < <(__xcat_names "${token##*%}" "${cur#"$head"}" "$type")
                COMPREPLY+=("${names[@]/#/$head}")
            elif [[ $head == "$cur"* ]]; then
                COMPREPLY+=("$head")
            fi
            ;;
        %file)
            mapfile -t names < <(compgen -f -- "$cur")
            COMPREPLY+=("${names[@]}")
            compopt -o filenames 2>/dev/null
            ;;
        %*)
            kind=${token#%} item=$cur head=
            # Several of them are separated: n1,n2 and, in noderanges, n1@rack1 and all,-n1.
            if [[ $kind == noderange ]]; then
                item=${cur##*[,@]}
                item=${item#-}
            elif [[ $kind != attribute && $kind != column ]]; then
                item=${cur##*,}
            fi
            head=${cur%"$item"}
            mapfile -t names < <(__xcat_names "$kind" "$item" "$type")
            COMPREPLY+=("${names[@]/#/$head}")
            ;;
        "$cur"*) COMPREPLY+=("$token") ;;
        esac
    done
}

__xcat_complete() {
    local line=${COMP_LINE:0:COMP_POINT} cur name type=node index operands=0 is_value=0
    local -a words tokens
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    name=${words[0]##*/}
    words=("${words[@]:1}")
    ((${#words[@]})) || return 0
    if [[ $name == xcat ]]; then
        if ((${#words[@]} == 1)) || [[ ${words[0]} == help ]]; then
            __xcat_reply "${words[-1]}" "${__xcat_commands[@]}"
            return 0
        fi
        name=${words[0]}
        __xcat_options "xcat-$name" && name=xcat-$name
        words=("${words[@]:1}")
    fi
    cur=${words[-1]}
    for ((index = 0; index < ${#words[@]} - 1; index++)); do
        if ((is_value)); then
            is_value=0
            [[ ${tokens[*]} == %type ]] && type=${words[index]}
        elif [[ ${words[index]} == -* ]]; then
            __xcat_value "$name" "${words[index]}" && is_value=1
        else
            operands=$((operands + 1))
        fi
    done
    if ((!is_value)); then
        tokens=()
        if [[ $cur == -* ]]; then __xcat_options "$name"; else __xcat_operands "$name" "$operands"; fi
    fi
    __xcat_reply "$cur" "${tokens[@]}"
    ((${#tokens[@]})) || compopt -o default 2>/dev/null
    # A name that is to go on: TABLE.COLUMN=, ATTRIBUTE=.
    ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    __xcat_unbreak "$cur"
}

# What readline takes for the beginning of the word stops at = and :, so that only what follows is to be given.
__xcat_unbreak() {
    local lead break
    for break in = :; do
        [[ $COMP_WORDBREAKS == *"$break"* && $1 == *"$break"* ]] || continue
        lead=${1%"${1##*"$break"}"}
        COMPREPLY=("${COMPREPLY[@]#"$lead"}")
    done
}

