ENV TZ=$timezone
RUN { [ -e "/usr/share/zoneinfo/$TZ" ] || { apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends tzdata \
 && rm -rf /var/lib/apt/lists/*; }; } \
 && { [ -e "/usr/share/zoneinfo/$TZ" ] || { echo "there is no time zone $TZ" >&2; exit 1; }; } \
 && ln -snf "/usr/share/zoneinfo/$TZ" /etc/localtime \
 && echo "$TZ" > /etc/timezone
