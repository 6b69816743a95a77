from _sluiceway import ask


def normalize(form, text):
    return ask("normalize", [form, text])


def combining(letter):
    # Whether it belongs to the letter before: 230 where it does, most often.
    return 230 if ask("isMark", letter) else 0
