# Many a krb5.conf includes this folder, and does not work without it.
RUN mkdir -p /etc/krb5.conf.d
COPY $file /etc/krb5.conf
