"""Runs every *.onnx of a folder on its windows.json in Python's onnxruntime; prints {file: curves} as JSON.

    python run_onnx.py FOLDER        (needs numpy, onnx, onnxruntime)
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

folder = Path(sys.argv[1])
given = json.loads((folder / "windows.json").read_text())
values = [numpy.nan if value is None else value for value in given["values"]]
windows = numpy.array(values, dtype=numpy.float32).reshape(given["dims"])
curves = {}
for file in sorted(folder.glob("*.onnx")):
    onnx.checker.check_model(onnx.load(str(file)), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    curves[file.name] = session.run(None, {"windows": windows})[0].ravel().tolist()
print(json.dumps(curves))
