"""The notebooks as they are kept: complete, small, quiet, and with exercises that check."""

import json
import re
import sys
from pathlib import Path

import pytest

from notebooks import COURSE, FOLDER, notebook_path

LARGEST = 2_000_000
CODE, PRINTED = 88, 96  # columns that a page has room for


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def code(cell):
    """Return a cell's Python, without the notebook's magics."""
    return "\n".join(line for line in source(cell).split("\n") if not line.startswith("%"))


def graded(cells):
    """Return the cells that nbgrader knows, by grade id."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in cells
        if "nbgrader" in cell["metadata"]
    }


def predictions(cells):
    """Return the cells in which a reader predicts a measurement, by grade id."""
    return {
        grade_id: cell
        for grade_id, cell in graded(cells).items()
        if "prediction" in cell["metadata"].get("tags", ())
    }


def exercises(cells):
    """Return the cells to solve and the cells that check them, by grade id."""
    known = graded(cells)
    return {
        grade_id: (cell, known[f"{grade_id}-check"])
        for grade_id, cell in known.items()
        if cell["metadata"]["nbgrader"]["solution"] and grade_id not in predictions(cells)
    }


@pytest.fixture(params=COURSE)
def name(request):
    return request.param


@pytest.fixture
def cells(name):
    return read(notebook_path(name))


def test_the_folder_holds_the_notebooks_of_the_course_and_no_other():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(COURSE)


def test_a_notebook_is_small(name):
    assert notebook_path(name).stat().st_size < LARGEST


def test_no_line_of_code_or_of_what_it_prints_is_wider_than_a_page(cells):
    lines = [line for c in cells if c["cell_type"] == "code" for line in source(c).split("\n")]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = "".join("".join(output.get("text", "")) for output in outputs).split("\n")
    assert [line for line in lines if len(line) > CODE] == []
    assert [line for line in printed if len(line) > PRINTED] == []


def test_a_notebook_was_run_from_top_to_bottom(cells):
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_a_notebook_says_nothing_on_stderr_and_names_no_folder_of_a_machine(name, cells):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    text = notebook_path(name).read_text(encoding="utf-8")
    for folder in ("/home/", "/root/", "/tmp/", "/Users/", str(FOLDER.parent), sys.prefix):
        assert folder not in text


def test_pictures_have_a_text_for_those_who_cannot_see_them(cells):
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                assert cell["metadata"]["mystnb"]["image"]["alt"], source(cell)
            assert "<img" not in "".join(data.get("text/html", [])) or (
                '<img alt="' in "".join(data["text/html"])
            )


def test_one_line_at_the_top_names_the_data_set(cells):
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert first["metadata"]["tags"] == ["setup"]
    if any("DATASET" in source(cell) for cell in cells):
        assert 'DATASET = "digits"' in source(first)


def test_a_notebook_has_what_a_lesson_needs(cells):
    text = "\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")
    for part in ("**Question.**", "**Learning goals.**", "**What to notice.**"):
        assert part in text
    for heading in ("## Exercises", "## What we have seen", "## Further reading"):
        assert f"\n{heading}" in text


def test_exercises_fail_unsolved_and_pass_solved(name, cells):
    setup = next(cell for cell in cells if cell["cell_type"] == "code")
    given = {"__name__": "notebook"}
    try:
        exec(code(setup), given)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error}: pip install '.[course]'")
    unsolved = exercises(read(FOLDER / "exercises" / f"{name}.ipynb"))
    solved = exercises(cells)
    assert len(solved) >= 2
    assert unsolved.keys() == solved.keys()
    for grade_id, (solution, check) in solved.items():
        task, student_check = unsolved[grade_id]
        assert source(check) == source(student_check)
        namespace = dict(given)
        exec(code(task), namespace)
        with pytest.raises((NotImplementedError, AssertionError)):
            exec(code(student_check), namespace)
        exec(code(solution), namespace)
        exec(code(student_check), namespace)


def test_predictions_are_for_the_student_to_make_before_their_measurement():
    name = "09_why_two_values"
    cells = read(notebook_path(name))
    students = predictions(read(FOLDER / "exercises" / f"{name}.ipynb"))
    made = predictions(cells)
    assert made
    assert made.keys() == students.keys()
    for grade_id, cell in made.items():
        function = re.search(r"^def (\w+)\(\):", source(cell), re.M)[1]
        after = cells[cells.index(cell) + 1 :]
        assert any(re.search(rf"^reveal\(\s*{function},", source(c), re.M) for c in after)
        namespace = {}
        exec(source(students[grade_id]), namespace)
        with pytest.raises(NotImplementedError):
            namespace[function]()
        exec(source(cell), namespace)
        assert namespace[function]() is not None


def test_student_versions_hold_no_solution_and_no_output(name, cells):
    student = read(FOLDER / "exercises" / f"{name}.ipynb")
    text = "\n".join(source(cell) for cell in student)
    assert "SOLUTION" not in text
    solutions = [solution for solution, _ in exercises(cells).values()]
    for solution in (*solutions, *predictions(cells).values()):
        _, hidden = source(solution).split("### BEGIN SOLUTION\n")
        assert hidden.split("    ### END SOLUTION")[0].strip() not in text
    assert not any(cell.get("outputs") for cell in student)


def test_student_versions_are_what_the_notebooks_give(capsys):
    pytest.importorskip("nbgrader", reason="needs pip install '.[course]'")
    from notebooks import students

    assert students.main(check=True) == 0, capsys.readouterr().err


def test_the_guide_tells_of_every_notebook_and_exercise():
    guide = Path(FOLDER / "README.md").read_text(encoding="utf-8")
    for name in COURSE:
        assert f"({name}.ipynb)" in guide
        for grade_id in exercises(read(notebook_path(name))):
            assert f"`{grade_id}`" in guide


def test_the_work_of_a_student_is_not_replaced(monkeypatch, tmp_path):
    pytest.importorskip("nbgrader", reason="needs pip install '.[course]'")
    from notebooks import CourseError, students

    monkeypatch.setattr(students, "FOLDER", tmp_path)
    monkeypatch.setattr(students, "EXERCISES", tmp_path / "exercises")
    assert students.main() == 0
    path = tmp_path / "exercises" / f"{COURSE[0]}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["mine"]}]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(CourseError, match="somebody has worked on 01_"):
        students.main()
    assert "mine" in path.read_text(encoding="utf-8")
    assert students.main(overwrite=True) == 0
    assert "mine" not in path.read_text(encoding="utf-8")
