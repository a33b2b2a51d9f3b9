# Completion of skelebot's command lines in fish: as skelebot.fish in a folder of
# $fish_complete_path, or by
#   skelebot completion fish | source

function __skelebot_complete
    command skelebot --complete (commandline --current-process --cut-at-cursor | string collect) 2>/dev/null
    or __fish_complete_path (commandline --current-token) # anything may come here
end

complete --command skelebot --no-files --keep-order --arguments '(__skelebot_complete)'
