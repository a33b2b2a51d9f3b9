LABEL $key="$value"
