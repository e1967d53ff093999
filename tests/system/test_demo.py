"""The demo on real servers: its sample and a CSV run to the end, the audit agrees, bad files and Ctrl-C are told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.demo.command import demo
from deploy.local.home import ROOT
from deploy.local.stack import Stack
from tests.installation import System


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLACON_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")


def figures(text: str) -> dict[str, str]:
    """The rows of the end table."""
    cells = [line.strip("│ ").split("│") for line in text.splitlines() if line.startswith("│")]
    return {cell[0].strip(): cell[1].strip() for cell in cells if len(cell) == 2}


def test_the_sample_runs_to_the_end_and_the_books_agree(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(None, system.stack) == 0
    told = capsys.readouterr()
    rows = figures(told.out)
    assert rows["orders published"] == "578"
    assert rows["duplicates dropped (same source and external id)"] == "27"
    resting = ("orders fulfilled", "orders cancelled", "orders rejected")
    assert sum(int(rows[name]) for name in resting) == 551
    assert rows["rejected: unknown_product"] == "3"
    assert rows["rejected: invalid"] == "5"
    assert rows["rows skipped"] == "6"
    assert rows["unreadable row"] == "5"
    assert rows["cancellation of an order not in the file"] == "1"
    assert int(rows["units ordered (accepted orders)"]) == int(rows["units shipped"]) + int(rows["units cancelled"])
    assert rows["units still backordered"] == "0"
    assert int(rows["batches completed"]) > 10
    assert int(rows["deliveries of short materials"]) >= 1
    assert rows["dead letters (open)"] == "0"
    assert "everything agrees" in told.out
    assert "STUCK" not in told.out


def test_a_second_run_on_the_same_data_adds_up(
    system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    lines = ["1,90X,Soap,10,1/12/2010,1,7", "2,90x,Soap,5,1/12/2010,1,7", "2,POST,Post,1,1/12/2010,1,7"]
    lines += ["3,91,Cup,3,1/12/2010,1,", "C4,90X,Soap,-4,2/12/2010,1,7", "C5,91,Cup,-3,2/12/2010,1,"]
    file.write_text("\n".join(["invoiceno,stockcode,description,quantity,invoicedate,unitprice,customerid", *lines]))
    for _ in range(2):
        assert demo(file, system.stack) == 0
        rows = figures(capsys.readouterr().out)
        assert (rows["orders published"], rows["orders fulfilled"], rows["rows skipped"]) == ("3", "3", "2")
        assert (rows["units ordered (accepted orders)"], rows["units cancelled"]) == ("18", "4")
        assert (rows["units shipped"], rows["units still backordered"]) == ("14", "0")


@pytest.mark.parametrize(("name", "content"), [("none.csv", None), ("x.txt", b"x"), ("x.csv", b"\xff"), ("y.csv", b"")])
def test_a_file_that_cannot_be_used_is_exit_2(
    system: System, tmp_path: Path, name: str, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert demo(tmp_path / name, system.stack) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(str(tmp_path / name))


def test_a_stack_that_is_gone_is_exit_3(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(None, Stack(**{**vars(system.stack), "kafka": "127.0.0.1:1"})) == 3
    assert "Kafka" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(system: System, tmp_path: Path) -> None:
    system.stack.save(tmp_path / "stack.json")
    program = (
        "import sys; from pathlib import Path; from deploy.local.demo.command import demo; "
        f"from deploy.local.stack import Stack; sys.exit(demo(None, Stack.load(Path({str(tmp_path)!r}))))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"products from" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
