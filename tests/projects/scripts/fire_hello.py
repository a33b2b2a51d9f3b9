import fire


def hello(greeting, name="World", times=2, loud=False):
    text = "\n".join(["%s %s!" % (greeting, name)] * times)
    return text.upper() if loud else text


if __name__ == "__main__":
    fire.Fire(hello)
