sed -i -E '/^[ \t]*((-e|--editable)[ =]*)?(\.|file:(\/\/)?\/app)\/?(\[[^]]*\])?[ \t]*(#.*)?$/d' $files
