"""Two replicas, on one machine or on two, train as one device does; and a machine may fail in the middle."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import replicas
import tensorflow as tf
from test_training import examples

from clsloc_utils import distribution, runs
from conftest import needs_sigkill

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS = 600
"""After this long a process that waits for another one in vain is ended."""


# --- Choosing ---------------------------------------------------------------------------------------------------------


def cluster(index, workers=("127.0.0.1:23456", "127.0.0.1:23457")):
    return {"cluster": {"worker": list(workers)}, "task": {"type": "worker", "index": index}}


def test_one_device_needs_no_strategy():
    assert distribution.choose("one") is tf.distribute.get_strategy()
    if len(tf.config.list_physical_devices("GPU")) < 2:
        assert distribution.choose("auto") is tf.distribute.get_strategy()


def test_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="'two'; take one of auto, one, mirrored, multiworker"):
        distribution.choose("two")


@pytest.mark.skipif(len(tf.config.list_physical_devices("GPU")) > 1, reason="this machine can mirror")
def test_one_device_cannot_be_mirrored():
    with pytest.raises(ValueError, match=r"only device is .*take 'auto' or 'one'"):
        distribution.choose("mirrored")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "not set.*machine-1:12345"),
        ("{", "JSONDecodeError.*machine-1:12345"),
        ({"cluster": {"worker": []}}, "KeyError"),
        (cluster(2), "index is 2, but 2 workers"),
        (cluster(-1), "index is -1"),
        (cluster(0, ["machine-0:1", "machine-0:1"]), "different addresses"),
        (cluster(0, ["machine-0", "machine-1"]), "host:port"),
        (cluster(0, []), "must list"),
        ({**cluster(0), "task": {"type": "chief", "index": 0}}, "type 'worker'"),
        ({**cluster(0), "cluster": {"worker": ["a:1"], "ps": ["b:1"]}}, "type 'worker'"),
    ],
)
def test_a_wrong_cluster_is_refused_before_tensorflow_waits_for_it(config, words, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(ValueError, match=words):
        distribution.choose("multiworker")


@pytest.mark.parametrize(("index", "is_chief"), [(0, True), ("0", True), (1, False)])
def test_the_first_machine_is_the_chief(index, is_chief, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster(index)))
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    assert distribution.is_chief(types.SimpleNamespace(cluster_resolver=resolver)) == is_chief


def test_one_machine_is_the_chief_whatever_cluster_the_shell_remembers(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster(1)))
    for strategy in (distribution.choose("one"), tf.distribute.MirroredStrategy(["/cpu:0"])):
        assert distribution.is_chief(strategy)


@pytest.mark.parametrize("size", [0, 1, 5, 8])
def test_parts_make_up_the_batch(size):
    batch = (np.arange(size), {"box": np.arange(size)})
    parts = [distribution.part_of_batch(batch, part, 3) for part in range(3)]
    lengths = [len(rows) for rows, _ in parts]
    assert max(lengths) - min(lengths) <= 1
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in parts]), np.arange(size))
    np.testing.assert_array_equal(np.concatenate([targets["box"] for _, targets in parts]), np.arange(size))


# --- Replicas ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(strategy, folder, *arguments, config=None):
    """A process of replicas.py, ended at the latest when the block ends."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])}
    environment.pop("TF_CONFIG", None)
    if config is not None:
        environment |= {"TF_CONFIG": json.dumps(config), "TF_GRPC_REUSE_PORT": "1"}
    command = [sys.executable, str(REPOSITORY / "tests" / "replicas.py"), strategy, str(folder), *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process):
    """Exit code and output of a process; too long a wait is a failure."""
    output, _ = process.communicate(timeout=SECONDS)
    return process.returncode, output


@contextlib.contextmanager
def two_addresses():
    """Addresses on this machine that are free, kept so until the workers, which need a while to start, are done."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            if hasattr(socket, "SO_REUSEPORT"):  # Without it the workers could not have the addresses beside us.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second)]
        if not hasattr(socket, "SO_REUSEPORT"):
            first.close()
            second.close()
        yield addresses


def two_machines(folder, *arguments, more_of_second=()):
    """Exit codes and outputs of two workers that train together."""
    with (
        two_addresses() as addresses,
        started("multiworker", folder, *arguments, config=cluster(0, addresses)) as first,
        started("multiworker", folder, *arguments, *more_of_second, config=cluster(1, addresses)) as second,
    ):
        return finish(first), finish(second)


@pytest.fixture(scope="module")
def source(voc_folder, data_dir):
    """Photos to train on with the command, whose data lie with those of the other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSLOC_DATA_DIR", str(data_dir))
        yield str(voc_folder)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    """What one device and two devices of one machine have trained."""
    folder = tmp_path_factory.mktemp("replicas")
    replicas.train_boxes(distribution.choose("one"), folder, "one-0")
    replicas.train_poses(distribution.choose("one"), folder, "one-0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            runs.training, "two_head_model", runs.training.two_head_model
        )  # Put back after the next line has changed it.
        assert replicas.train_with_the_command("one", folder, source) == 0
    with started("mirrored", folder, "boxes", "poses", "command", "--source", source) as mirrored:
        code, output = finish(mirrored)
        assert code == 0, output
    return folder


@pytest.fixture(scope="module")
def killed(source, folder):
    """Exit codes and outputs of two machines that trained with the command until the second one failed."""
    return two_machines(folder, "command", "--source", source, more_of_second=["--die-in-epoch", "2"])


@pytest.fixture(scope="module")
def folder_of_two(source, folder, request):
    """The same folder, with what two machines have trained; with the command they go on after one of them failed."""
    if hasattr(signal, "SIGKILL"):
        request.getfixturevalue("killed")
        with np.load(folder / "run-multiworker" / "heads.checkpoint.npz") as checkpoint:
            assert json.loads(str(checkpoint["state"]))["epochs_done"] == 1
    for code, output in two_machines(folder, "boxes", "command", "--source", source):
        assert code == 0, output
    return folder


def assert_same(folder, task, name):
    """The same losses and metrics in every epoch, and the same answers, as on one device."""
    expected, found = (json.loads((folder / f"{task}-{each}.json").read_text()) for each in ("one-0", name))
    for phase, history in expected.items():
        assert set(found[phase]) == set(history)
        for metric, values in history.items():
            np.testing.assert_allclose(found[phase][metric], values, rtol=2e-3, atol=2e-4, err_msg=f"{phase} {metric}")
    with np.load(folder / f"{task}-one-0.npz") as expected, np.load(folder / f"{task}-{name}.npz") as found:
        for field in ("box", "probabilities") if task == "boxes" else ("joints",):
            for each in (field, f"last_{field}"):
                np.testing.assert_allclose(found[each], expected[each], atol=2e-3, err_msg=each)


def history_of(run):
    """Losses and metrics of all epochs of a run folder, one row each."""
    return np.genfromtxt(run / "history.csv", delimiter=",", skip_header=1)[:, 1:]


def assert_same_run(folder, name):
    """The command leaves the same run as on one device."""
    expected, run = json.loads((folder / "run-one" / "metrics.json").read_text()), folder / name
    visible = {file.name for file in run.iterdir() if not file.name.startswith(".")}
    assert visible == {"model.keras", "model.tflite", "config.json", "metrics.json", "history.csv", "report.html"}
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.pop("baseline") == expected["baseline"]
    assert metrics == {name: pytest.approx(expected[name], abs=2e-3) for name in metrics}
    np.testing.assert_allclose(history_of(run), history_of(folder / "run-one"), rtol=2e-3, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["boxes", "poses"])
def test_two_devices_train_as_one_does(folder, task):
    assert_same(folder, task, "mirrored-0")


@pytest.mark.slow
def test_the_command_trains_on_two_devices_as_on_one(folder):
    assert_same_run(folder, "run-mirrored")


@pytest.mark.slow
def test_a_model_of_two_devices_is_saved_like_any_other(folder):
    model = keras.saving.load_model(folder / "boxes-mirrored-0.keras")
    images, _ = examples(replicas.COUNT)
    with np.load(folder / "boxes-mirrored-0.npz") as saved:
        np.testing.assert_allclose(model(images)["box"], saved["last_box"], atol=1e-5)
    # Statistics were shared during the training; the layer itself is as it was made.
    assert not model.get_layer("heads").get_layer("box_norm1").synchronized


@pytest.mark.slow
@needs_sigkill
def test_when_one_machine_fails_the_other_one_notices(killed):
    (first_code, first_output), (second_code, second_output) = killed
    assert second_code == -signal.SIGKILL, second_output
    assert first_code not in (0, None), first_output


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["multiworker-0", "multiworker-1"])
def test_two_machines_train_as_one_does(folder_of_two, machine):
    assert_same(folder_of_two, "boxes", machine)


@pytest.mark.slow
def test_the_command_trains_on_two_machines_as_on_one(folder_of_two):
    """Even when one of them has failed in the middle, and both went on where they were."""
    assert_same_run(folder_of_two, "run-multiworker")


# --- The page ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a script for bash")
def test_the_slurm_script_of_the_page_describes_the_cluster_to_every_machine(tmp_path):
    page = (REPOSITORY / "docs" / "several_machines.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(#!/bin/bash\n#SBATCH.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    commands = {
        "scontrol": "printf 'node7\\nnode9\\n'",
        "srun": 'shift; for SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@"; done',
        "clsloc": 'echo "$TF_CONFIG"',
    }
    for name, body in commands.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[7,9]"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    configs = done.stdout.splitlines()
    for index, config in enumerate(configs):
        distribution.check_cluster({"TF_CONFIG": config})
        assert json.loads(config) == cluster(index, ["node7:12345", "node9:12345"])
    assert len(configs) == 2
