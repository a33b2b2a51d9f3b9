# Many a krb5.conf includes this folder, and does not work without it.
COPY .skelebot/krb5.conf /etc/krb5.conf
RUN mkdir -p /etc/krb5.conf.d && chmod a+r /etc/krb5.conf
