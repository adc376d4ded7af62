# Completion of potluck for bash: what there is to be typed is asked of the program, and names of the peer that runs.
_potluck() {
    local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} found name before
    COMPREPLY=()
    # What stands before a colon is a word of its own to bash, and stays.
    before=${line##*[[:space:]]}
    case $COMP_WORDBREAKS in *:*) ;; *) before= ;; esac
    case $before in *:*) before=${before%"${before##*:}"} ;; *) before= ;; esac
    while IFS= read -r name; do
        COMPREPLY+=("${name#"$before"}")
    done < <(command "${COMP_WORDS[0]}" complete -- "$line" 2>/dev/null)
    # Has bash quote what it must.
    compopt -o filenames 2>/dev/null
    case ${#COMPREPLY[@]},${COMPREPLY[0]-} in 1,*/) compopt -o nospace 2>/dev/null ;; esac
    return 0
}
complete -o default -F _potluck potluck
