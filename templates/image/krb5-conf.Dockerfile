# Many a krb5.conf includes this folder, and does not work without it.
RUN mkdir -p /etc/krb5.conf.d
COPY .skelebot/krb5.conf /etc/krb5.conf
