"""Questions of notebook 00: pictures kept apart, what eight answers prove, boxes without pixels; no exercises."""

from clsloc_utils.exercises.quizzes import Option, Question

EXERCISES = ()

QUESTIONS = (
    Question(
        "A picture is 400 pixels wide and 200 high, and the model's box is [0.25, 0.10, 0.75, 0.60]. How wide is it?",
        (
            Option("100 pixels", "That is half of the height. Left and right are shares of the width."),
            Option("300 pixels", "That is where its right side lies. Its left side lies at 100."),
            Option("200 pixels", "From 0.25 to 0.75 of a width of 400.", right=True),
        ),
    ),
    Question(
        "Why does the model never learn from the pictures that it is tested on?",
        (
            Option(
                "Training would take too long with all of them.",
                "It would take a little longer, and the score would be worth nothing.",
            ),
            Option(
                "It could learn their answers by heart.",
                "Only pictures that it has never seen tell whether it has understood what a dog looks like.",
                right=True,
            ),
            Option(
                "They are harder than the others.", "The same code draws them. They were set aside, not picked out."
            ),
        ),
    ),
    Question(
        "Suppose all eight names are right. What follows for the other test pictures?",
        (
            Option(
                "Not much.",
                "A model that is wrong once in ten has all eight right in 43 of 100 tries: 0.9 to the power of 8.",
                right=True,
            ),
            Option("They will be right, too.", "Eight right answers cannot rule out that one in ten is wrong."),
            Option("Nothing at all.", "They do say something: a model that guesses among twenty would not manage it."),
        ),
    ),
    Question(
        "You give the model a picture of a giraffe, which is none of its classes. What does it answer?",
        (
            Option(
                "No class, since none fits, and an empty box",
                "It has no such answer: its outputs are 20 scores and four numbers.",
            ),
            Option("An error", "A giraffe is an array of numbers like any other."),
            Option(
                "One of its 20 classes, and a box",
                "One score is always the highest. It never learned to say none.",
                right=True,
            ),
        ),
    ),
    Question(
        "Jupyter is running, and in another terminal you set CLSLOC_PROFILE=full. The cells still say fast. Why?",
        (
            Option(
                "Jupyter keeps the variables it was started with.",
                "Stop it, set the variable and start it from the same terminal.",
                right=True,
            ),
            Option(
                "The full profile has cells of its own.", "The same cells run in both. A profile is a set of numbers."
            ),
            Option("Without a GPU it falls back to fast.", "It does not: it would run, for hours."),
        ),
    ),
)
