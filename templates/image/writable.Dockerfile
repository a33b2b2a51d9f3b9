# A job's user is not root, and may write beside the scripts; of large files only those are copied
# once more that it could not read. What a base image's own user may not change stays as it is.
RUN find /app ! -type l \( -type d ! -perm -777 -o -type f ! -perm -666 \( -size -20000k -o ! -perm -444 \) \) \
 -exec chmod a+rwX {} + || true
