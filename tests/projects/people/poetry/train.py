print("trained by poetry")
