"""The process that fuzzes one parser: `python -m tests.fuzz.one NAME FLAGS...`, in a folder of
its own; its flags are libFuzzer's. `tests.fuzz` starts it, and starts it again when it died."""

import importlib
import sys
from pathlib import Path

import atheris

from tests.fuzz.target import Target
from tests.fuzz.watch import Watch

CORPUS = "corpus"
_WORDS = "words"
MOST_S = 5  # of CPU; the flag below ends what never ends, however busy the machine is
FLAGS = (
    "-timeout=60", "-rss_limit_mb=0", "-len_control=0", "-reload=0", "-print_final_stats=1",
    "-close_fd_mask=3", "-detect_leaks=0", "-reduce_inputs=0", "-keep_seed=1",
    "-entropic_scale_per_exec_time=1",
)  # fmt: skip


def main() -> None:
    """Run until the flags say that it is enough; the status is libFuzzer's."""
    name, *flags = sys.argv[1:]
    folder = Path.cwd()
    target = target_of(name)
    prepare(target, folder)
    # what the walls are made of must not be loaded before the parser that they stand around
    walls = importlib.import_module("tests.fuzz.walls").Walls(folder)
    watch = Watch(folder)

    def one_input(data: bytes) -> None:
        begun, accepted = watch.begin(), False
        walls.shut = True
        try:
            target.one_input(data)
            accepted = True
        except target.refusals:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever else comes out is a finding
            watch.found(error, data)
        finally:
            walls.shut = False
        took_s = watch.end(begun, data, accepted=accepted)
        if took_s > MOST_S:
            watch.found(TimeoutError(f"it took {took_s:.1f} s of CPU"), data)
        if walls.left:  # it may have been caught on its way out
            watch.found(AssertionError(walls.left.pop()), data)

    longest = f"-max_len={target.longest}"
    every = [*FLAGS, longest, *([f"-dict={_WORDS}"] if target.words else []), *flags, CORPUS]
    atheris.Setup([sys.argv[0], *every], one_input)
    walls.build()
    atheris.Fuzz()


def target_of(name: str) -> Target:
    """The target of that name, its parser loaded with instruments."""
    module = importlib.import_module(f"tests.fuzz.targets.{name.replace('-', '_')}")
    target: Target = module.TARGET
    return target


def prepare(target: Target, folder: Path) -> None:
    """Write the seeds and the words; what an earlier process found stays."""
    corpus = folder / CORPUS
    if not corpus.exists():
        corpus.mkdir()
        for number, seed in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
    lines = ["".join(f"\\x{byte:02x}" for byte in word) for word in target.words]
    (folder / _WORDS).write_text("".join(f'"{line}"\n' for line in lines))


if __name__ == "__main__":
    main()
