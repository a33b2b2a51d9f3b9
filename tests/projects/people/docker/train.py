import os

os.makedirs("out", exist_ok=True)
with open("out/key.txt", "w") as file:
    file.write(open(".env").read())
print("trained in", "docker")
