COPY [$source, $target]
