# Completion of potluck for fish: what there is to be typed is asked of the program, and names of the peer that runs.
function __potluck_complete
    command potluck complete -- (commandline -cp) 2>/dev/null
end
complete -c potluck -f -a '(__potluck_complete)'
