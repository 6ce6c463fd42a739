"""The command that runs the notebooks, on small ones made here."""

import tempfile

import pytest

pytest.importorskip("nbclient", reason="needs pip install '.[course]'")
pytest.importorskip("ipykernel", reason="needs pip install '.[course]'")

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

import notebooks
from notebooks import execute


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Return a function that makes the course one notebook of such cells, and its file."""
    monkeypatch.delenv("LPC_FAST", raising=False)
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(notebooks, "COURSE", ("01_small",))

    def write(*sources, **metadata):
        cells = [new_code_cell(text, id=f"cell-{n}") for n, text in enumerate(sources)]
        cells[-1].metadata.update(metadata)
        notebook = new_notebook(cells=cells)
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        path = tmp_path / "01_small.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def outputs(path):
    return [cell.outputs for cell in nbformat.read(path, 4).cells]


def test_outputs_but_for_those_of_widgets_are_kept_and_are_the_same_the_next_time(course):
    letters = f"{tempfile.gettempdir()}AAAA"  # which spell a folder, but are those of a picture
    shown = {"image/png": letters, "text/html": f'<img src="data:image/gif;base64,{letters}">'}
    picture = f"from IPython.display import display\ndisplay({shown!r}, raw=True)"
    path = course("x = 20", "print(x + 1)", picture, "print(1)", tags=["widget"])
    assert execute.main(("01_small",)) == 0
    first = path.read_bytes()
    nothing, printed, displayed, of_widget = outputs(path)
    assert nothing == of_widget == []
    assert printed[0].text == "21\n"
    assert displayed[0].data == shown
    assert execute.main(("01_small",)) == 0
    assert path.read_bytes() == first


def test_an_error_is_shown_and_nothing_is_kept(course, capsys):
    path = course("1 / 0")
    before = path.read_bytes()
    assert execute.main(("01_small",)) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_noise_on_stderr_and_folders_of_this_machine_are_refused(course, capsys):
    path = course("import sys; print('noise', file=sys.stderr); print(sys.prefix + '/bin')")
    before = path.read_bytes()
    assert execute.main(("01_small",)) == 1
    error = capsys.readouterr().err
    assert "noise" in error
    assert "name the folder" in error
    assert path.read_bytes() == before


def test_a_fast_run_keeps_nothing(course, monkeypatch):
    path = course("print(1)")
    before = path.read_bytes()
    monkeypatch.setenv("LPC_FAST", "1")
    assert execute.main(("01_small",)) == 0
    assert path.read_bytes() == before


def test_a_notebook_that_is_missing_or_damaged_or_unknown_is_named(course, tmp_path):
    with pytest.raises(notebooks.CourseError, match="missing"):
        execute.main(("01_small",))
    (tmp_path / "01_small.ipynb").write_text("{")
    with pytest.raises(notebooks.CourseError, match="no notebook"):
        execute.main(("01_small",))
    with pytest.raises(notebooks.CourseError, match="choose from 01_small"):
        execute.main(("02_other",))
