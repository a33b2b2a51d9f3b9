def main():
    print("Hello from churn!")


if __name__ == "__main__":
    main()
