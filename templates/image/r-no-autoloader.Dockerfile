# Else renv's autoloader would hide what is installed here, each time that R starts in /app.
ENV RENV_CONFIG_AUTOLOADER_ENABLED=FALSE
