"""Payloads of Sparkplug B as another implementation writes them: sparkplug-goldens.json, read by sparkplug.test.ts.

    python make_sparkplug_goldens.py > sparkplug-goldens.json        (made with pysparkplug 0.6.1)

Its messages are compiled from the schema that the Eclipse project publishes. Bytes are in hex.
"""

import json

from pysparkplug import DataType, DBirth, DData, Metric, NCmd

TIME = 1_714_543_200_000
VALUES = [
    ("int8", DataType.INT8, -128),
    ("int16", DataType.INT16, -32768),
    ("int32", DataType.INT32, -2147483648),
    ("int64", DataType.INT64, -5),
    ("uint8", DataType.UINT8, 255),
    ("uint16", DataType.UINT16, 65535),
    ("uint32", DataType.UINT32, 4294967295),
    ("uint64", DataType.UINT64, 2**53),
    ("float", DataType.FLOAT, 0.5),
    ("double", DataType.DOUBLE, -1e-300),
    ("true", DataType.BOOLEAN, True),
    ("zero", DataType.DOUBLE, 0.0),
    ("text", DataType.STRING, "grün"),
    ("null", DataType.DOUBLE, None),
]

birth = DBirth(
    timestamp=TIME,
    seq=0,
    metrics=tuple(
        Metric(timestamp=TIME + i, name=name, datatype=kind, value=value, alias=100 + i)
        for i, (name, kind, value) in enumerate(VALUES)
    ),
)
data = DData(
    timestamp=TIME,
    seq=1,
    metrics=tuple(
        Metric(timestamp=None, name=None, datatype=kind, value=value, alias=100 + i)
        for i, (_, kind, value) in enumerate(VALUES)
    ),
)
rebirth = NCmd(
    timestamp=TIME,
    metrics=(Metric(timestamp=TIME, name="Node Control/Rebirth", datatype=DataType.BOOLEAN, value=True),),
)
print(
    json.dumps(
        {
            "timeMs": TIME,
            "values": [[name, int(value) if value is True else value] for name, _, value in VALUES],
            "birth": birth.encode(include_dtypes=True).hex(),
            "data": data.encode().hex(),
            "rebirth": rebirth.encode(include_dtypes=True).hex(),
        },
        indent=1,
        ensure_ascii=False,
    )
)
