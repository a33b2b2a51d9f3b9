export APT_CONFIG=/dev/shm/apt.conf; echo 'Acquire::https::CAInfo "$file";' >> "$APT_CONFIG"
