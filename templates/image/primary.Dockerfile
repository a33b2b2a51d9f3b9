$instruction $argv
