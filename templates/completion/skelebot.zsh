#compdef skelebot
# Completion of skelebot's command lines in zsh: as the file _skelebot in a folder of $fpath, or by
#   source <(skelebot completion zsh)

_skelebot() {
    local rows
    local -a shown
    if rows=$(command skelebot --complete "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null); then
        shown=(${${${(f)rows}//:/\\:}/$'\t'/:})
        _describe -V skelebot shown
    else
        _files # anything may come here
    fi
}

if [[ ${funcstack[1]} == _skelebot ]]; then _skelebot "$@"; else compdef _skelebot skelebot; fi
