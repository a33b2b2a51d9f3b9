: "${$name:?is named in $file, and is not set in the build}"
