"""Measures the input pipeline: images per second and memory of each stage, against two yardsticks.

    python tools/bench_pipeline.py toy_voc train
    python tools/bench_pipeline.py path/to/my_photos train --image-size 224

The yardsticks are plain JPEG decoding of the same images, which no pipeline can beat, and the naive loop that decodes
all images into memory before it looks at the annotations. Each stage runs in a process of its own, over the data once
and over the data several times in a row: what streams takes about the same memory for both.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator

import psutil

MEGABYTE = 2**20


def main() -> None:
    arguments = parsed_arguments()
    # Linux's allocator keeps freed memory for each thread apart, up to hundreds of megabytes over time; with one pool
    # for all threads the numbers are the pipeline's own.
    os.environ["MALLOC_ARENA_MAX"] = "1"
    from clsloc_utils import datasets  # prepares the data here, so that no stage has to

    datasets.load(arguments.source, arguments.split, data_dir=arguments.data_dir)
    print(
        f"{arguments.source}, {arguments.split}: single-object images, {arguments.image_size} x {arguments.image_size}"
    )
    print(f"{'stage':<42}{'images/s':>9}{'memory, data x 1':>19}{f'x {arguments.times}':>9}")
    for stage in STAGES:
        once = measured_apart(stage, arguments, 1)
        often = measured_apart(stage, arguments, arguments.times)
        images, seconds, memory = often
        print(f"{stage:<42}{images / seconds:>9.0f}{once[2]:>16.0f} MB{memory:>6.0f} MB", flush=True)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a source name such as toy_voc, or a folder in VOC layout")
    parser.add_argument("split", help="a split such as train")
    parser.add_argument("--image-size", type=int, default=128, help="side of the images, in pixels (default 128)")
    parser.add_argument("--batch-size", type=int, default=32, help="images in a batch (default 32)")
    parser.add_argument("--times", type=int, default=4, help="how often the data is repeated (default 4)")
    parser.add_argument("--data-dir", help="where prepared data lies (default: as for the course)")
    return parser.parse_args()


def measured_apart(stage: str, arguments: argparse.Namespace, times: int) -> tuple[int, float, float]:
    """Runs a stage in a new process; returns single-object images, seconds, and megabytes added at the peak."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context) as process:
        return process.submit(measured, stage, arguments, times).result()


def measured(stage: str, arguments: argparse.Namespace, times: int) -> tuple[int, float, float]:
    from clsloc_utils import datasets

    examples = datasets.load(arguments.source, arguments.split, data_dir=arguments.data_dir)
    run = STAGES[stage](examples, arguments, times)
    with PeakMemory() as memory:
        start = time.perf_counter()
        images = sum(run)
        seconds = time.perf_counter() - start
    return images, seconds, memory.added / MEGABYTE


class PeakMemory:
    """The most memory that this process took inside the `with` block, beyond what it had before; in bytes."""

    def __enter__(self) -> "PeakMemory":
        self.added = 0
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.added = max(self.added, self._process.memory_info().rss - self._before)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


# The stages: each takes the undecoded examples, and yields the number of images that it has got ready, step by step.


def filter_only(examples, arguments: argparse.Namespace, times: int) -> Iterator[int]:
    from clsloc_utils import pipelines

    return (1 for _ in pipelines.single_object(examples.repeat(times)))


def plain_decoding(examples, arguments: argparse.Namespace, times: int) -> Iterator[int]:
    """Decodes the kept images, whose bytes lie in memory, on all cores, and drops them."""
    import tensorflow as tf

    from clsloc_utils import pipelines

    kept = [example["image"] for example in pipelines.single_object(examples).as_numpy_iterator()]
    images = tf.data.Dataset.from_tensor_slices(kept).repeat(times)
    images = images.map(lambda data: tf.io.decode_jpeg(data, channels=3), num_parallel_calls=tf.data.AUTOTUNE)
    return (1 for _ in images.prefetch(8))


def decode_and_resize(examples, arguments: argparse.Namespace, times: int) -> Iterator[int]:
    return batch_sizes(examples, arguments, times)


def decode_resize_and_augment(examples, arguments: argparse.Namespace, times: int) -> Iterator[int]:
    return batch_sizes(examples, arguments, times, augmented=True)


def batch_sizes(examples, arguments: argparse.Namespace, times: int, **options) -> Iterator[int]:
    from clsloc_utils import pipelines

    batches = pipelines.to_batches(
        pipelines.single_object(examples.repeat(times)),
        image_size=arguments.image_size,
        batch_size=arguments.batch_size,
        **options,
    )
    return (len(images) for images, _ in batches)


def naive_loop(examples, arguments: argparse.Namespace, times: int) -> Iterator[int]:
    import tensorflow as tf

    everything = []
    for example in examples.repeat(times):
        everything.append((tf.io.decode_jpeg(example["image"], channels=3), example["objects"]))
    for image, objects in everything:
        if len(objects["label"]) == 1:
            tf.image.resize(image, (arguments.image_size, arguments.image_size), antialias=True)
            yield 1


STAGES: dict[str, Callable[..., Iterator[int]]] = {
    "plain JPEG decoding of the kept images": plain_decoding,
    "filter": filter_only,
    "filter, decode, resize, batch": decode_and_resize,
    "filter, decode, resize, batch, augment": decode_resize_and_augment,
    "naive loop: decode all, filter, resize": naive_loop,
}

if __name__ == "__main__":
    main()
