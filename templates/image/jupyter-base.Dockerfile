FROM $image
