"""How answers are judged, questions asked and progress kept; answers to all exercises: test_exercises_answers.py."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from notebook_runs import run_notebook

from clsloc_utils import exercises
from clsloc_utils.exercises import Status, record
from clsloc_utils.exercises.core import LEVELS, Mistake, NotTriedError, function_check, same, shown, value_check
from clsloc_utils.exercises.quizzes import Option, Question

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOLUTIONS = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder for the record."""
    monkeypatch.setenv("CLSLOC_PROGRESS_DIR", str(tmp_path / "mine"))
    return tmp_path / "mine"


# --- What there is ----------------------------------------------------------------------------------------------------


# The first notebook asks questions only.
WITH_EXERCISES = ["01", "02", "03", "04", "05", "06"]


@pytest.mark.parametrize("notebook", WITH_EXERCISES)
def test_a_notebook_has_exercises_of_several_levels(notebook):
    own = [exercise for exercise in exercises.EXERCISES.values() if exercise.key.startswith(notebook)]
    assert len(own) >= 4
    assert {exercise.level for exercise in own} == set(LEVELS)
    assert all(1 <= exercise.minutes <= 25 and exercise.title and exercise.lesson for exercise in own)


def test_every_notebook_has_five_questions():
    numbers = [path.name[:2] for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    assert list(exercises.QUIZZES) == numbers == ["00", *WITH_EXERCISES]
    assert {len(quiz.questions) for quiz in exercises.QUIZZES.values()} == {5}


@pytest.mark.parametrize("quiz", exercises.QUIZZES.values(), ids=exercises.QUIZZES)
def test_every_question_has_one_right_option_and_explains_each(quiz):
    for question in quiz.questions:
        assert len(question.options) >= 3
        assert sum(option.right for option in question.options) == 1
        texts = [text for option in question.options for text in (option.text, option.explanation)]
        assert all(texts)
        assert len(set(texts)) == len(texts)
        # Buttons show no Markdown.
        assert [text for text in (question.text, *texts) if "`" in text or "**" in text] == []


def test_the_right_option_is_not_always_at_the_same_place():
    questions = [question for quiz in exercises.QUIZZES.values() for question in quiz.questions]
    places = [[option.right for option in question.options].index(True) for question in questions]
    assert max(np.bincount(places)) <= 15
    assert len(set(places)) == 3


def test_a_question_without_exactly_one_right_option_is_refused():
    options = (Option("one", "yes", right=True), Option("two", "yes", right=True))
    with pytest.raises(ValueError, match="'Which' needs exactly one right option"):
        Question("Which", options)


def test_importing_the_exercises_is_light():
    code = "import sys, clsloc_utils.exercises; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout == "False False\n"


# --- Judging ----------------------------------------------------------------------------------------------------------


def double(value):
    return 2 * value


@pytest.fixture
def check():
    """The check of an exercise that asks for a function that doubles."""
    return function_check(
        double,
        lambda: [{"value": 1.0}, {"value": np.array([2.0, 3.0])}, {"value": 5.0}],
        mistakes=(Mistake("You square.", lambda value: value**2), Mistake("You add one.", lambda value: value + 1)),
        hint="Twice the value.",
    )


def test_a_mistake_is_named_when_it_explains_every_input(check):
    assert check(double) == ""
    assert check(lambda value: value * value).endswith("You square.")
    # A square gives the same where the answer is wrong, but not for 1.0, where it is right: that is no explanation.
    assert check(lambda value: 2.0 if np.all(value == 1) else np.square(value)).endswith("Twice the value.")
    assert check(lambda value: value + 1).endswith("You add one.")
    assert check(lambda value: value - 5).endswith("Twice the value.")


def test_an_answer_may_change_its_input_or_generate(check):
    def spoiling(value):
        value *= 2
        return value

    assert check(spoiling) == ""
    assert check(lambda value: (2 * each for each in value) if np.ndim(value) else 2 * value) == ""
    assert "ZeroDivisionError" in check(lambda value: (1 / 0 for _ in [value]))


@pytest.fixture
def drawing_check():
    """The check of an exercise that asks for the largest of some numbers; one input can be read, fifty are drawn."""
    shared = np.array([1.0, 0.1])
    return function_check(
        np.max,
        lambda: [{"numbers": shared}, {"numbers": shared}],
        mistakes=(Mistake("That is the first one.", lambda numbers: numbers[0]),),
        hint="The largest of them.",
        drawn=lambda generator: {"numbers": generator.normal(size=generator.integers(1, 6))},
        draws=50,
    )


def test_inputs_are_handed_over_in_the_form_that_an_answer_wants(drawing_check):
    import tensorflow as tf

    assert drawing_check(lambda numbers: numbers[numbers.index(max(numbers))]) == "", "a list"
    assert drawing_check(lambda numbers: numbers.numpy().max()) == "", "a tensor"
    assert drawing_check(lambda numbers: tf.reduce_max(numbers * tf.constant(1.0))) == "", "float32"
    assert drawing_check(lambda numbers: tf.reduce_max(numbers * tf.constant(1.0, tf.float64))) == "", "float64"
    seen = []
    drawing_check(lambda numbers: seen.append(numbers.dtype) or numbers.max())
    assert set(seen) == {np.dtype("float32")}, "as in the notebooks"


def test_every_call_gets_an_input_of_its_own(drawing_check):
    def spoiling(numbers):
        numbers[0], largest = -np.inf, numbers.max()
        return largest

    assert drawing_check(spoiling) == ""


def test_drawn_inputs_find_what_readable_ones_do_not(drawing_check):
    message = drawing_check(lambda numbers: numbers[0])
    assert message.splitlines()[0].count(",") == 1, "the shortest of the inputs that went wrong"
    assert message.endswith("That is the first one.")
    assert drawing_check(lambda numbers: numbers[0] if len(numbers) < 4 else numbers.max()).endswith("largest of them.")


def test_what_an_answer_prints_is_heard_for_readable_inputs_only(drawing_check, capsys):
    def printing(numbers):
        print("heard")
        return numbers.max()

    assert drawing_check(printing) == ""
    assert capsys.readouterr().out == "heard\n" * 2


def test_a_none_that_comes_and_goes_is_an_answer_and_a_wrong_one(drawing_check):
    assert "one of its ways ends without a return" in drawing_check(
        lambda numbers: numbers[0] if numbers[0] < 0 else None
    )
    assert "There is a None" in drawing_check(lambda numbers: [None, numbers[0]])
    with pytest.raises(NotTriedError):
        drawing_check(lambda numbers: None)


def test_an_exception_is_told_with_its_input_and_line_but_no_traceback(check):
    def raising(value):
        if np.ndim(value):
            return value["box"]
        return 2 * value

    complaint = check(raising)
    assert complaint.splitlines()[0] == "  for:   value = [2.0, 3.0]"
    assert "your code raised IndexError: only integers" in complaint
    assert complaint.endswith('  in the line: return value["box"]')
    assert "Traceback" not in complaint

    def helper(value):
        return np.reshape(value, (7, 7))

    assert check(lambda value: helper(value)).endswith("in the line: return np.reshape(value, (7, 7))"), "not NumPy's"


def untouched(value):
    raise NotImplementedError


@pytest.mark.parametrize(
    "unfinished",
    [
        lambda value: ...,
        lambda value: None,
        lambda value: [1, ...],
        lambda value: {"a": ...},
        lambda value: 2 * ...,
        untouched,
    ],
    ids=["dots", "none", "in a list", "in a dict", "used", "not implemented"],
)
def test_unfinished_functions_are_not_tried(check, unfinished):
    exercise = dataclasses.replace(exercises.EXERCISES["01.iou"], check=check)
    assert exercise.judge(unfinished).status is Status.UNTRIED


def test_long_lines_are_wrapped_and_short_ones_kept():
    lines = repr(exercises.judge("04.choose", lambda rows: rows[0]["setting"])).splitlines()
    assert lines[0] == "04.choose: not right yet."
    assert lines[1].startswith("  for:   rows = [{'setting': 'class only'")
    assert lines[2].startswith("    ")
    assert max(map(len, lines)) <= 80


def test_a_missing_return_is_asked_about():
    def forgotten(box, others):
        box.sum()

    assert "a return is missing" in exercises.judge("01.iou", forgotten).message


def test_the_call_instead_of_the_function_is_noticed(check):
    assert "Hand over the function itself" in check(np.array([2.0, 4.0]))
    assert "this is a function" in value_check(3, (), "Three.")(double)


@pytest.mark.parametrize(
    ("actual", "expected", "equal"),
    [
        ([1, 2], np.array([1.0, 2.0], "float32"), True),
        (np.float32(0.1), 0.1, True),
        ([[1.0, 2.0]], [1.0, 2.0], False),
        ([1.0, 2.0], [[1.0], [2.0]], False),
        ([1.0], 1.0, False),
        (["1.0", "2.0"], [1.0, 2.0], False),
        ([None, 1.0], [float("nan"), 1.0], False),
        ({1.0: "a", 2.0: "b"}, (1.0, 2.0), False),
        (100.005, 100.0, True),
        (100.02, 100.0, False),
        ([1.0, 2.0], [2.0, 1.0], False),
        ([1.0, 2.0, 3.0], [1.0, 2.0], False),
        (1.001, 1.0, False),
        (float("nan"), 1.0, False),
        (True, 1, True),
        ("Ignore ", "ignore", True),
        ("1", 1, False),
        ({1, 2}, [1, 2], False),
        ([np.zeros((2, 2)), 1], (np.zeros((2, 2)), 1.0), True),
        ((np.zeros((2, 2)), [1]), (np.zeros((2, 2)), 1.0), False),
        (np.zeros((2, 2)), (np.zeros((2, 2)), 1.0), False),
        (5, (5,), False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([[1], [1, 2]], [1, 1, 2], False),
    ],
)
def test_same(actual, expected, equal):
    assert same(actual, expected) is equal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([0.1, 1 / 3], "float32"), "[0.1, 0.33333]"),
        (np.array([1, 2]), "[1, 2]"),
        (np.bool_(True), "True"),
        (3.0, "3.0"),
        ((np.zeros(2), "x"), "([0.0, 0.0], 'x')"),
        (["a", ...], "['a', ...]"),
        ({"a": ..., "b": None}, "{'a': ..., 'b': None}"),
        (np.zeros(500), "[0.0, 0.0, 0.0,"),
    ],
)
def test_shown(value, text):
    assert shown(value).startswith(text)
    assert len(shown(value)) <= 600


def test_unknown_keys_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no exercise '01.iuo'; is it '01.iou'"):
        exercises.check("01.iuo", 1)
    with pytest.raises(ValueError, match=r"no quiz '9'; there are 00, 01, 02"):
        exercises.quiz("9")
    with pytest.raises(ValueError, match="questions 1 to 5, no 6"):
        exercises.explain("01", 6)


# --- Hints and solutions ----------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_given(monkeypatch):
    """Nobody has asked for a hint yet."""
    monkeypatch.setattr(exercises, "_hints_given", {})


@pytest.mark.usefixtures("nothing_given")
def test_a_hint_goes_one_step_further_each_time(capsys):
    steps = exercises.EXERCISES["02.pipeline"].hints
    for number in (*range(1, len(steps) + 1), len(steps)):
        exercises.hint("02.pipeline")
        printed = " ".join(capsys.readouterr().out.split())
        assert printed == f"02.pipeline, step {number} of {len(steps)}: {steps[number - 1]}"
    assert len(steps) > 2


@pytest.mark.usefixtures("nothing_given")
def test_exercises_without_steps_say_where_help_is(capsys, monkeypatch):
    bare = dataclasses.replace(exercises.EXERCISES["01.iou"], hints=(), solution="")
    monkeypatch.setitem(exercises.EXERCISES, "01.iou", bare)
    exercises.hint("01.iou")
    exercises.solution("01.iou")
    assert capsys.readouterr().out.splitlines() == [
        "01.iou has no steps. Hand in what you have: the check says what is wrong with it.",
        "The solution of 01.iou is in notebooks/solutions/01_solutions.ipynb.",
    ]
    assert (NOTEBOOKS / "solutions" / "01_solutions.ipynb").is_file()


@pytest.mark.parametrize("key", [key for key in exercises.EXERCISES if key[:2] != "05"])
def test_every_exercise_has_steps_and_a_solution_that_no_step_gives_away(key):
    exercise = exercises.EXERCISES[key]
    assert 2 <= len(exercise.hints) <= 4
    assert exercise.solution
    # The lines of the solution that compute something, without their blanks.
    lines = ["".join(line.split()) for line in exercise.solution.splitlines() if not line.startswith("def ")]
    told = "".join("".join(exercise.hints).split())
    given = [line for line in lines if len(line) > 12 and line in told]
    assert len(given) <= len(lines) / 4


def test_a_solution_is_the_one_of_the_solutions_notebook(capsys):
    for key, exercise in exercises.EXERCISES.items():
        if exercise.solution:
            exercises.solution(key)
            notebook = nbformat.read(NOTEBOOKS / "solutions" / f"{key[:2]}_solutions.ipynb", as_version=4)
            assert capsys.readouterr().out.strip() in [cell.source for cell in notebook.cells]


# --- Progress ---------------------------------------------------------------------------------------------------------


def test_what_is_solved_is_kept_and_shown(folder, capsys):
    assert repr(exercises.check("01.outputs", 11)).startswith("01.outputs: right. Seven scores")
    assert exercises.check("01.fooled", ...).status is Status.UNTRIED
    assert exercises.check("01.clsloc", lambda true, predicted, iou: 0.3).status is Status.WRONG
    assert json.loads((folder / "progress.json").read_text()) == {"solved": ["01.outputs"]}
    exercises.progress("01")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Notebook 01: 1 of 6 exercises, 0 of 5 questions"
    assert lines[1] == "  [x] 01.outputs       warm-up   2 min  How many numbers come out"
    assert sum("[ ]" in line for line in lines) == 5
    assert str(folder) not in "".join(lines)
    exercises.progress_file().unlink()
    exercises.progress("01")
    assert "0 of 6" in capsys.readouterr().out
    exercises.check("01.outputs", 11)
    exercises.progress()
    printed = capsys.readouterr().out
    assert re.findall(r"Notebook (\d\d): (\d) of \d exercises", printed) == [
        ("01", "1"), ("02", "0"), ("03", "0"), ("04", "0"), ("05", "0"), ("06", "0")
    ]  # fmt: skip
    assert printed.startswith("Notebook 00: 0 of 5 questions\n\n")


def test_judging_alone_writes_nothing(folder):
    assert exercises.judge("01.outputs", 11).status is Status.RIGHT
    assert not folder.exists()


@pytest.mark.parametrize("content", ["{", '{"solved": 3}', "[]", '{"solved": [1]}', ""])
def test_a_broken_record_is_set_aside_and_reported(folder, capsys, content):
    folder.mkdir()
    (folder / "progress.json").write_text(content)
    result = exercises.check("01.outputs", 11)
    assert result.status is Status.RIGHT
    assert "progress.json could not be understood" in result.message
    assert "kept as progress-broken-1.json" in result.message
    assert (folder / "progress-broken-1.json").read_text() == content
    (folder / "progress.json").write_text(content)
    exercises.progress("01")
    assert "kept as progress-broken-2.json" in capsys.readouterr().out
    assert (folder / "progress-broken-1.json").read_text() == content


def test_a_record_that_cannot_be_written_does_not_spoil_the_answer(folder):
    folder.write_text("a file where the folder should be")
    result = exercises.check("01.outputs", 11)
    assert result.status is Status.RIGHT
    assert "could not be written down" in result.message


def test_a_failing_replacement_leaves_the_old_record(folder, monkeypatch):
    record.add("01.iou")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert "No space left on device" in record.add("01.convert")
    assert record.read() == ({"01.iou"}, "")


def test_notebooks_that_write_at_the_same_time_lose_nothing():
    keys = [f"01.quiz.{number}" for number in range(20)]
    threads = [threading.Thread(target=record.add, args=[key]) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert record.read() == (set(keys), "")


def test_keys_of_other_versions_stay_in_the_record():
    record.add("07.later")
    exercises.check("01.outputs", 11)
    assert record.read()[0] == {"07.later", "01.outputs"}


def test_the_record_lies_among_the_users_own_data_by_default(monkeypatch):
    monkeypatch.delenv("CLSLOC_PROGRESS_DIR")
    assert exercises.progress_file().name == "progress.json"
    assert "clsloc" in exercises.progress_file().parts
    assert exercises.progress_file() != record.Path("progress.json")


# --- Questions --------------------------------------------------------------------------------------------------------


def test_questions_are_readable_as_text(capsys):
    quiz = exercises.quiz("01")
    text = repr(quiz)
    for number, question in enumerate(quiz.questions, 1):
        assert f"{number}. {question.text}" in text
        for option in question.options:
            assert f") {option.text}" in text
            assert option.explanation not in text
    exercises.explain("01", 3)
    printed = capsys.readouterr().out
    assert printed.startswith("Prediction A misses")
    assert "b) Neither: both have 0.\n   Right. Without overlap" in printed
    assert printed.count("   No. ") == 2


def test_questions_are_a_page_that_needs_no_script():
    page = BeautifulSoup(exercises.quiz("04").page(), "html.parser")
    assert page.find("script") is None
    assert len(page.select("ol > li")) == 5
    details = page.find_all("details")
    assert len(details) == sum(len(question.options) for question in exercises.quiz("04").questions)
    assert sum(each.p.get_text().startswith("Right. ") for each in details) == 5
    question = Question("1 < 2 & <b>?", (Option("<i>", "a", right=True), Option("&", "b")))
    page = BeautifulSoup(exercises.quizzes.Quiz("00", [question]).page(), "html.parser")
    assert page.find("b") is None, "markup is shown, not obeyed"
    assert [each.get_text() for each in page.find_all("summary")] == ["<i>", "&"]


def test_buttons_explain_the_choice_and_the_right_one_is_kept():
    heading, *buttons, explanation = exercises.quiz("01").widget().children[2].children
    assert "Prediction A misses" in heading.value
    assert [button.description for button in buttons][1] == "Neither: both have 0."
    buttons[0].click()
    assert "No. IoU only looks" in explanation.value
    assert record.read()[0] == set()
    buttons[1].click()
    assert 'role="status"' in explanation.value
    assert "Right. Without overlap" in explanation.value
    assert record.read()[0] == {"01.quiz.3"}


@pytest.mark.parametrize("live", [True, False])
def test_a_notebook_is_offered_text_page_and_where_it_can_buttons(monkeypatch, live):
    monkeypatch.setattr("clsloc_utils.widgets.live.can_show_widgets", lambda: live)
    quiz = exercises.quiz("02")
    bundle = quiz._repr_mimebundle_()
    assert bundle["text/plain"] == repr(quiz)
    assert bundle["text/html"] == quiz.page()
    assert ("application/vnd.jupyter.widget-view+json" in bundle) is live


def test_the_page_needs_no_ipywidgets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert set(exercises.quiz("02")._repr_mimebundle_()) == {"text/plain", "text/html"}


# --- Notebooks --------------------------------------------------------------------------------------------------------


def test_there_are_solutions_to_every_notebook():
    assert [path.stem for path in SOLUTIONS] == [f"{number}_solutions" for number in WITH_EXERCISES]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solutions_solve_every_exercise_and_leave_the_record_alone(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    judged = {key: cell for cell in cells for key in re.findall(r'exercises\.judge\("([\w.]+)"', cell.source)}
    assert set(judged) == {key for key in exercises.EXERCISES if key.startswith(path.stem[:2])}
    for key, cell in judged.items():
        words = cell.outputs[0].data["text/plain"].split()
        assert words == f"{key}: right. {exercises.EXERCISES[key].lesson}".split()
    assert not any("exercises.check" in cell.source for cell in cells)


def test_notebooks_that_run_outside_of_jupyter_begin_with_nothing_solved(tmp_path):
    record.add("01.iou")
    source = "from clsloc_utils.exercises import record\nrecord.add('01.convert')\nrecord.read()"
    cell = nbformat.v4.new_code_cell(source)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), tmp_path / "some.ipynb")
    notebook = run_notebook(tmp_path / "some.ipynb")
    assert notebook.cells[0].outputs[0].data["text/plain"] == "({'01.convert'}, '')"
    assert record.read()[0] == {"01.iou"}


@pytest.mark.parametrize("key", exercises.EXERCISES)
def test_exercise_stands_in_its_notebook(key):
    (path,) = NOTEBOOKS.glob(f"{key[:2]}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    (place,) = [index for index, cell in enumerate(cells) if cell.source.startswith(f'exercises.check("{key}"')]
    words, answer, check = cells[place - 2 : place + 1]
    exercise = exercises.EXERCISES[key]
    title = f"### Exercise: {exercise.title}\n\n*{exercise.level}, {exercise.minutes} minutes*\n"
    assert words.source.startswith(title)
    assert "..." in answer.source
    assert f"{key}: not tried yet." in check.outputs[0].data["text/plain"]


@pytest.mark.parametrize("number", exercises.QUIZZES)
def test_questions_and_progress_stand_at_the_end_of_the_notebook(number):
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    quiz, progress = sources.index(f'exercises.quiz("{number}")'), sources.index(f'exercises.progress("{number}")')
    (summary,) = [index for index, source in enumerate(sources) if source.startswith("## Summary")]
    assert quiz < progress < summary
