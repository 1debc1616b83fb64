"""What the peers of `npm run bench -- networks` share: a request per line on stdin, {"task", "hidden", "layers", "batch",
"seconds"}, an answer per line on stdout, {"value", "cpu"}: windows per second for "train", median ms for "one", windows
per second for "many"; `cpu` the same by seconds of processor time, which other work on the machine blurs less. A network is made and warmed up at its first request.
"""
import json
import statistics
import sys
import time

TIME, FEATURES, TRAIN_BATCH, MANY = 30, 24, 64, 256


def timed(run, seconds):
    """Median seconds of a call of `run`, and mean of processor time, over so long, after one that does not count."""
    run()
    taken, cpu, end = [], time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), (time.process_time() - cpu) / len(taken)


def serve(version, make, steps=1):
    """make(hidden, layers) -> {"train", "one", "many"}: functions that do `steps` training steps, or one prediction."""
    print(json.dumps({"version": version}), flush=True)
    made = {}
    for line in sys.stdin:
        asked = json.loads(line)
        key = (asked["hidden"], asked["layers"])
        if key not in made:
            made[key] = make(*key)
            for run in made[key].values():
                timed(run, 0.3)
        unit = {
            "train": lambda taken: steps * TRAIN_BATCH / taken,
            "one": lambda taken: 1000 * taken,
            "many": lambda taken: MANY / taken,
        }[asked["task"]]
        wall, cpu = timed(made[key][asked["task"]], asked["seconds"])
        print(json.dumps({"value": unit(wall), "cpu": unit(cpu)}), flush=True)
