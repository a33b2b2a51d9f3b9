RUN $command
