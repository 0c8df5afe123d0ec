"""Label a pool in a terminal or a notebook, in rounds.

Run it, and type the name of a class for each text; an empty line skips the text, end of input
(Ctrl-D) stops. Run it again to go on: the folder texts.uwe remembers every answer.
"""

import uwe

TEXTS = [
    f"{verb} {what} number {n}?"
    for n in range(10)
    for verb, what in (("Where is", "town"), ("Who wrote", "book"), ("When was", "battle"))
]
CLASSES = ("place", "person", "date")

if __name__ == "__main__":
    project = uwe.Project("texts.uwe", TEXTS, "sklearn:logistic", classes=CLASSES)
    print("classes:", ", ".join(CLASSES))
    try:
        while True:
            for row in project.ask(4):
                answer = input(f"{TEXTS[row]} ").strip()
                if answer not in (*CLASSES, ""):
                    print(f"  no class {answer!r}; the text is asked about again")
                elif answer:
                    project.tell([row], [answer], by="me")
                else:
                    project.skip([row], by="me")
    except EOFError:
        if project.state().labelled:
            project.train()
        print(f"\n{project}")
