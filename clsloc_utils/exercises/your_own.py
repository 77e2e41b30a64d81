"""Questions of notebook 06: near doubles, annotations, small tests, class names, preprocessing; no exercises."""

from clsloc_utils.exercises.quizzes import Option, Question

EXERCISES = ()

QUESTIONS = (
    Question(
        "You took ten photos of each cup in a row, and a hash of the file name splits them. What of the test score?",
        (
            Option(
                "It is right: no file is in two splits.", "No file is, but nearly the same photo is, with its answer."
            ),
            Option(
                "It is too low: such photos are hard to tell apart.",
                "Nobody has to tell them apart: they have one answer.",
            ),
            Option(
                "It is too high.",
                "The model has learned from near doubles of the test photos. Split by scene, by hand.",
                right=True,
            ),
        ),
    ),
    Question(
        "Among the worst training photos is a chair that is annotated as a bottle. The model says chair. What now?",
        (
            Option(
                "Train longer, until it says bottle", "It may learn this one by heart, and what it learns is wrong."
            ),
            Option(
                "Correct the annotation, and train again",
                "The list of the worst is there to find such slips.",
                right=True,
            ),
            Option(
                "Nothing: one slip does no harm", "One may not. But look for its like, above all among the test photos."
            ),
        ),
    ),
    Question(
        "27 of 30 test photos are right, and the interval reaches from 0.74 to 0.97. How do you make it narrower?",
        (
            Option(
                "Take more test photos",
                "With 300 it reaches from 0.86 to 0.93: ten times the photos, a third of the width.",
                right=True,
            ),
            Option(
                "Test on three augmented copies of each",
                "They are the same 30 photos: their answers rise and fall together.",
            ),
            Option("Train longer", "That may move the interval. Its width comes from the number of test photos."),
        ),
    ),
    Question(
        "A friend loads your model.keras and sees class 2. Which class is that?",
        (
            Option(
                "The file says it: Keras saves the names",
                "It saves architecture and weights. It has never seen a name.",
            ),
            Option(
                "The third of VOC's twenty", "Only if you trained on these. Your classes come from your annotations."
            ),
            Option(
                "Only your list of class names tells",
                "So save the list beside the model, in the order that training had.",
                right=True,
            ),
        ),
    ),
    Question(
        "On your desk the LiteRT file agrees with Keras to six digits; in the app every box is wrong. Why?",
        (
            Option(
                "The app divides the pixels by 255", "Scaling is inside the model, which wants 0 to 255.", right=True
            ),
            Option("LiteRT cannot compute the spatial head", "It has: on your desk it agreed to six digits."),
            Option("The model has learned too little", "Then Keras would draw the same wrong boxes."),
        ),
    ),
)
