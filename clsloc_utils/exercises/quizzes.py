"""Multiple-choice questions: buttons in a live notebook, a page with details to open elsewhere, text without either."""

import dataclasses
import html
from collections.abc import Sequence
from typing import Any

from clsloc_utils.exercises import record


@dataclasses.dataclass(frozen=True)
class Option:
    """One answer to choose.

    Attributes:
        text: The answer.
        explanation: Why it is right, or what is wrong with it.
        right: Whether it is the right one.
    """

    text: str
    explanation: str
    right: bool = False

    @property
    def verdict(self) -> str:
        """What is said to whoever chooses it."""
        return f"{'Right' if self.right else 'No'}. {self.explanation}"


@dataclasses.dataclass(frozen=True)
class Question:
    """A question with its options, exactly one of them right."""

    text: str
    options: tuple[Option, ...]

    def __post_init__(self):
        if sum(option.right for option in self.options) != 1:
            raise ValueError(f"{self.text!r} needs exactly one right option.")


@dataclasses.dataclass(frozen=True)
class Quiz:
    """The questions of one notebook. A notebook shows it as buttons where it can, else as a list to unfold.

    Attributes:
        notebook: Number of the notebook, such as `"01"`.
        questions: Its questions.
    """

    notebook: str
    questions: Sequence[Question]

    def __repr__(self) -> str:
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines += [f"{number}. {question.text}"]
            lines += [f"   {_letter(place)}) {option.text}" for place, option in enumerate(question.options)]
        return "\n".join([*lines, f'Explanations: exercises.explain("{self.notebook}", 1) and so on'])

    def explain(self, number: int) -> str:
        """All options of a question with their explanations.

        Args:
            number: Of the question, from 1.

        Returns:
            Several lines of text.

        Raises:
            ValueError: There is no such question.
        """
        if number not in range(1, len(self.questions) + 1):
            raise ValueError(f"Notebook {self.notebook} has questions 1 to {len(self.questions)}, no {number}.")
        question = self.questions[number - 1]
        options = [
            f"{_letter(place)}) {option.text}\n   {option.verdict}" for place, option in enumerate(question.options)
        ]
        return "\n".join([question.text, *options])

    def page(self) -> str:
        """The questions as HTML; each option unfolds to its explanation, without a script."""
        return f"<ol>{''.join(f'<li>{_unfolding(question)}</li>' for question in self.questions)}</ol>"

    def widget(self) -> Any:
        """The questions as an `ipywidgets.VBox`: each with its text, a button for each option, and an explanation.

        A right choice is written down in the learner's record.
        """
        import ipywidgets

        keys = [f"{self.notebook}.quiz.{number}" for number in range(1, len(self.questions) + 1)]
        return ipywidgets.VBox(
            [_buttons(*numbered) for numbered in zip(range(1, len(keys) + 1), self.questions, keys, strict=True)]
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from clsloc_utils.widgets.live import can_show_widgets, live_bundle

        bundle = {"text/plain": repr(self), "text/html": self.page()}
        if can_show_widgets():
            live, _ = live_bundle(self.widget())
            bundle = {**live, **bundle}
        return bundle


def _letter(place: int) -> str:
    return "abcdefgh"[place]


def _unfolding(question: Question) -> str:
    options = "".join(
        f"<details><summary>{html.escape(option.text)}</summary><p>{html.escape(option.verdict)}</p></details>"
        for option in question.options
    )
    return f"<p>{html.escape(question.text)}</p>{options}"


def _buttons(number: int, question: Question, key: str) -> Any:
    """A question as a widget. Buttons, because JupyterLab keeps the arrow keys that radio buttons need for itself."""
    import ipywidgets

    explanation = ipywidgets.HTML()

    def explain(option: Option) -> None:
        notice = record.add(key) if option.right else ""
        words = html.escape(f"{option.verdict} {notice}".strip())
        explanation.value = f'<p role="status"><i>{html.escape(option.text)}</i><br>{words}</p>'

    def button(option: Option) -> Any:
        layout = ipywidgets.Layout(width="auto", align_self="flex-start")
        made = ipywidgets.Button(description=option.text, layout=layout)
        made.on_click(lambda _: explain(option))
        return made

    heading = ipywidgets.HTML(f"<b>{number}. {html.escape(question.text)}</b>")
    return ipywidgets.VBox([heading, *(button(option) for option in question.options), explanation])
