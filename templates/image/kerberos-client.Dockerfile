RUN command -v kinit > /dev/null || { apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends krb5-user \
 && rm -rf /var/lib/apt/lists/*; }
