"""Serve the default model: ``python main.py``, or ``uvicorn main:app``."""

from service.cli import main
from service.main import application, default_model

app = application(default_model())

if __name__ == "__main__":
    raise SystemExit(main(["run"]))
