# Completion of skelebot's command lines in bash: read by bash-completion, or by
#   source <(skelebot completion bash)

_skelebot() {
    local line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[^=:]/} rows word before=
    COMPREPLY=()
    rows=$(command skelebot --complete "$line" 2>/dev/null) || {
        compopt -o default 2>/dev/null # anything may come here, such as the name of a file
        return 0
    }
    word=${line##*[[:space:]]}
    [ -z "$breaks" ] || before=${word%"${word##*["$breaks"]}"} # stays: bash replaces what follows
    while IFS=$'\t' read -r word _; do
        case ${COMP_WORDS[COMP_CWORD]} in
            [\"\']*) ;;
            *) printf -v word %q "$word" ;;
        esac
        COMPREPLY+=("${word#"$before"}")
    done <<<"$rows"
}

complete -F _skelebot skelebot
