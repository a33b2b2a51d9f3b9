COPY ["$file", "/app/$file"]
