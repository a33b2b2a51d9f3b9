import os

os.makedirs("out", exist_ok=True)
with open("out/key.txt", "w") as file:
    file.write(os.path.isfile(".env") and open(".env").read() or "")
print("trained in", "docker")
