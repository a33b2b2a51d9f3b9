COPY . /app
