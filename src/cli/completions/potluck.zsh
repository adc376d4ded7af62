#compdef potluck
# Completion of potluck for zsh: what there is to be typed is asked of the program, and names of the peer that runs.
_potluck() {
    local -a found folders
    local line="${(j: :)words[1,CURRENT-1]} ${(q)${(Q)PREFIX}}"
    found=("${(@f)$(command ${(Q)words[1]} complete -- "$line" 2>/dev/null)}")
    found=(${found:#})
    if (( ! $#found )); then
        _files
        return
    fi
    folders=(${(M)found:#*/})
    found=(${found:#*/})
    (( $#folders )) && compadd -S '' -a folders
    (( $#found )) && compadd -a found
    return 0
}
if [ "$funcstack[1]" = "_potluck" ]; then
    _potluck "$@"
else
    compdef _potluck potluck
fi
