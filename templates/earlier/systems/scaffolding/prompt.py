from skelebot import Ask, ask_person, listed, shortened, tell


def promptUser(message, boolean=False, options=None):
    """What a person answers; an option, or True and False for Y and N."""
    more = f" ({', '.join(options)})" if options else " (Y/N)" if boolean else ""
    while True:
        answer = ask_person(Ask(message + more))
        if boolean and answer.lower() in ("y", "yes", "n", "no"):
            return answer.lower().startswith("y")
        if not boolean and (not options or answer in options):
            return answer
        tell(f"{shortened(answer)} is none of {listed(options or ('Y', 'N'))}")
