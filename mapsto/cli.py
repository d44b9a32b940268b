"""The command line: `mapsto train`, `evaluate`, `predict`, `show`, `export`, `serve`, `explain`."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mapsto import data
from mapsto.core.errors import FormatError, MapstoError, ShapeError
from mapsto.core.lazy import optional
from mapsto.core.version import VERSION
from mapsto.data.stack import spec_text
from mapsto.files.answer import Answer, fitted, load
from mapsto.files.contents import batch_text, inspect_file
from mapsto.files.export import export
from mapsto.files.steps import host_of
from mapsto.files.write import save
from mapsto.image.picture import decode_picture, mostly_bright
from mapsto.metrics import class_report, confusion_matrix
from mapsto.server.run import serve
from mapsto.server.settings import Settings
from mapsto.text import Characters, Words
from mapsto.view.explain import explain, families, headline_of
from mapsto.view.graph import GraphView, graph
from mapsto.view.inside import LEVELS
from mapsto.view.show import show

if TYPE_CHECKING:
    from mapsto.train import recipes
else:
    recipes = optional("mapsto.train.recipes", extra="")  # what serves a net has no use for what trained it

# Settings of `mapsto serve`, and what they are.
SERVING = {
    "host": "address to listen at; 0.0.0.0 lets other machines in",
    "port": "port to listen at; 0 takes one that is free",
    "workers": "processes that compute; with 0 the server's own does",
    "token": "what clients must send as Authorization: Bearer TOKEN; or set MAPSTO_TOKEN",
    "max_bytes": "bytes of a request's body",
    "max_pixels": "pixels of a picture, and of all pictures of a request together",
    "max_examples": "examples of a request",
    "deadline": "seconds that a request may take to arrive",
    "drain": "seconds that answers under way have when the server is told to stop",
    "wait": "seconds that a batch waits for examples on their way",
    "queue": "examples that may wait; beyond it clients are told to come back",
    "watch": "seconds between two looks at the files; 0 for never",
}

out = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; errors are printed without a traceback. Returns the exit status."""
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal or file of an old encoding lacks some signs
    try:
        with warnings.catch_warnings():
            warnings.showwarning = print_note
            return options.command(options)
    except MapstoError as error:
        print(told(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read along has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def told(error: MapstoError) -> str:
    """An error for someone who typed a command: there is no line of theirs to name."""
    error.line = ""
    return f"{type(error).__name__}: {error.render()}"


def print_note(message: Any, *place: Any, **more: Any) -> None:
    print(f"note: {message}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="mapsto", description="x ↦ f(x): train, evaluate, predict, show, serve, explain")
    top.add_argument("--version", action="version", version=f"mapsto {VERSION}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("train", help="train the default network on a data set and save the answer")
    one.add_argument("--data", default="digits", help="which data set (default: digits)")
    one.add_argument("--epochs", type=positive, help="passes over the data (default: the recipe's)")
    one.add_argument("--batch-size", type=positive, help="samples a step (default: the recipe's)")
    one.add_argument("--seed", type=int, default=0, help="the same seed gives the same network (default: 0)")
    one.add_argument("--out", type=Path, help="where to save (default: DATA.mapsto)")
    one.set_defaults(command=train)

    one = commands.add_parser("evaluate", help="judge a saved answer on a data set")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--data", required=True, help="which data set")
    one.add_argument("--split", default="test", help="which part of it (default: test)")
    one.set_defaults(command=evaluate)

    one = commands.add_parser("predict", help="ask a saved answer about pictures or texts")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("inputs", nargs="+", metavar="INPUT", help="a picture's file, or a text, as the answer takes")
    one.set_defaults(command=predict)

    one = commands.add_parser("show", help="what a saved answer is made of")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--level", help=f"what it is compiled to: {', '.join(LEVELS)}")
    one.add_argument("--kernel", metavar="N", help="one kernel of --level kernels; by itself: its formulas and loops")
    one.add_argument("--batch", type=positive, default=1, help="compiled for so many samples at once (default: 1)")
    one.add_argument("--measure", action="store_true", help="run every kernel by itself, and add its time")
    one.set_defaults(command=show_file)

    add_export(commands)
    add_serve(commands)

    one = commands.add_parser("explain", help="what an error's code means, or all codes")
    one.add_argument("code", nargs="?", metavar="CODE", help="such as SHAPE-03; without it, all codes are listed")
    one.set_defaults(command=explain_code)
    return top


def add_export(commands: Any) -> None:
    """The words of `mapsto export`."""
    one = commands.add_parser("export", help="a saved answer's net as a function for C, with its weights")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--c", action="store_true", required=True, help="an object file and a header: what there is")
    one.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where to write (default: here)")
    one.add_argument("--name", default="", help="the names in C begin with it (default: the file's name)")
    one.add_argument("--batch", type=positive, default=1, help="so many examples in every call (default: 1)")
    one.add_argument("--cpu", default="native", metavar="KIND", help="native (default), x86-64, x86-64-v2, -v3, -v4")
    one.add_argument("--shared", action="store_true", help="a shared library in place of the object; takes cc")
    one.set_defaults(command=export_c)


def add_serve(commands: Any) -> None:
    """The words of `mapsto serve`: one for each setting of the server."""
    one = commands.add_parser("serve", help="answer over HTTP with saved answers")
    one.add_argument("files", type=Path, nargs="+", metavar="FILE")
    for name, about in SERVING.items():
        usual = getattr(Settings, name)
        one.add_argument(
            f"--{name.replace('_', '-')}", type=type(usual), default=usual, help=f"{about} (default: {usual or 'none'})"
        )
    one.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="another name of this server")
    one.set_defaults(command=serve_files)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def train(options: argparse.Namespace) -> int:
    """Train by the data set's recipe, save, report on its test part, and say what to try next."""
    recipe, target = recipes.recipe_for(options.data), options.out or Path(f"{options.data}.mapsto")
    check_target(target)
    training, test = data.load(options.data, "train"), data.load(options.data, "test")
    out.print(f"[bold]{options.data}[/bold]: {len(training):,} pictures to learn from, {len(test):,} to be judged by\n")
    learner = recipes.learner_for(recipe, len(training.classes))
    epochs, batch_size = options.epochs or recipe.epochs, options.batch_size or recipe.batch_size
    began = time.monotonic()
    try:
        learner.fit(training, epochs=epochs, batch_size=batch_size, validation=0.1, seed=options.seed)
    except KeyboardInterrupt:
        if not learner.history:
            raise
        print(f"stopped after {len(learner.history)} epochs; what was learnt by then is kept", file=sys.stderr)
    seconds = time.monotonic() - began
    judged, done = learner.evaluate(test), len(learner.history)
    figures = {"data": options.data, "epochs": done, "seed": options.seed, "batch_size": batch_size, **judged.figures}
    save(recipes.answer_for(learner.net, training.x.shape[1:], training.classes), target, recipe=figures)
    out.print()
    show(learner.net)
    out.print(f"\n{judged.report()}\n", markup=False)
    out.print(f"test accuracy [bold]{judged['accuracy']:.4f}[/bold] after {done} epochs in {seconds:.1f} s")
    out.print(f"saved  [bold]{target}[/bold]  ({target.stat().st_size / 1024:.0f} KiB)\n")
    suggest(target, options.data)
    return 0


def check_target(target: Path) -> None:
    """Refuse a place that cannot be written to before anything is trained."""
    if target.is_dir() or not os.access(target.absolute().parent, os.W_OK):
        code = "FILE-06" if target.is_dir() else "FILE-07"
        raise FormatError(code, path=str(target), fix="give --out a file in a folder that exists")


def suggest(target: Path, name: str) -> None:
    """What to type next."""
    me = own_name()
    out.print("try next:", style="dim")
    if name == "digits":
        out.print(f"  {me} predict {target} {shortest(data.sample_picture())}", markup=False)
    out.print(f"  {me} evaluate {target} --data {name}\n  {me} show {target}", markup=False)


def own_name() -> str:
    """How this command was called, so that what it suggests can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "mapsto" or shutil.which("mapsto") == str(called):
        return "mapsto"
    return str(shortest(called))


def shortest(path: Path) -> Path:
    """A path as a person would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def evaluate(options: argparse.Namespace) -> int:
    """Accuracy and class report of a saved answer."""
    answer, samples = load(options.file), data.load(options.data, options.split)
    check_fits(options, answer, samples)
    counts: Any = 0
    confusion = confusion_matrix(len(samples.classes))
    for begin in range(0, len(samples), 256):
        part = samples[begin : begin + 256]
        scores = answer.program(part.x)
        counts = counts + np.asarray(confusion(scores, part.y, np.ones(len(part), np.float32)), np.float64)
    report = class_report(np.rint(counts).astype(np.int64), samples.classes)
    out.print(str(report), markup=False)
    return 0


def check_fits(options: argparse.Namespace, answer: Answer, samples: Any) -> None:
    """The answer takes the pictures of this data set, and tells as many classes apart. Raises ShapeError."""
    trained = (answer.recipe or {}).get("data")
    fix = f"judge it by what it learnt from: --data {trained}" if trained else "judge it by what it learnt from"
    found, wanted = spec_text(samples.x[:1]), batch_text(answer.input).replace("[n", "[1", 1)
    if samples.x.shape[1:] != answer.input.shape:
        rows = ((options.data, found, "a picture"), (str(options.file), wanted, "what it takes"))
        raise ShapeError("SAVE-14", operands=rows, fix=fix)
    if answer.output.shape != (len(samples.classes),):
        rows = ((options.data, len(samples.classes), "classes"), (str(options.file), answer.output, "for each picture"))
        found = answer.output.shape[-1] if answer.output.shape else 1
        facts = {"scores": answer.output, "found": found, "classes": len(samples.classes)}
        raise ShapeError("METRIC-05", function="evaluate", **facts, operands=rows, fix=fix)


def predict(options: argparse.Namespace) -> int:
    """The best classes for every picture or text. One that cannot be read is named; the others are answered."""
    answer = load(options.file)
    reads_texts = bool(answer.before) and isinstance(host_of(answer.before[0]), Characters | Words)
    failed = 0
    for given in options.inputs:
        try:
            (best,) = answer([given]) if reads_texts else answer([picture_in(answer, Path(given))])
        except (MapstoError, OSError) as error:
            failed += 1
            print(told(error) if isinstance(error, MapstoError) else error, file=sys.stderr)
            continue
        out.print(f"{printable(given)}  {told_answer(answer, best)}", markup=False)
    return 1 if failed else 0


def picture_in(answer: Answer, path: Path) -> bytes:
    """The bytes of a picture's file, with a remark where it will be misread."""
    if answer.input.shape[-1:] == (1,):
        note_if_bright(path)
    return path.read_bytes()


def told_answer(answer: Answer, best: Any) -> str:
    """The classes by name, if the answer ends with them, or the text; else the numbers that the net gives."""
    if isinstance(best, str):
        return printable(best)
    if answer.classes:
        return "  ".join(f"{name} {probability:.1%}" for name, probability in best)
    return np.array2string(np.asarray(best), precision=4, threshold=20)


def note_if_bright(picture: Path) -> None:
    """The grey sets show bright ink on a dark ground; a photograph of paper is the other way round."""
    if mostly_bright(decode_picture(picture, None, "L")):
        print(
            f"note: {picture} is mostly bright. Networks trained on bright ink on a dark ground guess such pictures "
            "wrong; invert it first.",
            file=sys.stderr,
        )


def show_file(options: argparse.Namespace) -> int:
    """Pipeline, tensors and training figures of a saved answer; or what it is compiled to, at the level asked for."""
    if options.level or options.kernel or options.measure:
        program = program_graph(load(options.file), options.batch)
        show(
            program,
            kernel=options.kernel,
            level=options.level or (None if options.kernel else "kernels"),
            measure=options.measure,
        )
        return 0
    contents = inspect_file(options.file)
    out.print(f"[bold]{options.file}[/bold]  {contents.size:,} bytes, written by mapsto {in_markup(contents.mapsto)}\n")
    for number, step in enumerate(contents.pipeline, 1):
        out.print(f"  {number}  {step}", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    table.add_column("tensor")
    table.add_column("spec")
    for name, spec in contents.table:
        table.add_row(in_markup(name), in_markup(spec))
    out.print()
    out.print(table)
    if contents.recipe:
        out.print("\n[bold]trained[/bold]")
        for name, value in contents.recipe.items():
            out.print(f"  {printable(name):<12} {printable(value)}", markup=False)
    out.print(f"\nits kernels: {own_name()} show {options.file} --level kernels", style="dim", markup=False)
    return 0


def printable(value: Any) -> str:
    """What a file says, in one line of letters: a stranger's file may hold what terminals obey."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(value))
    return text if len(text) <= 300 else f"{text[:299]}…"


def in_markup(value: Any) -> str:
    """The same where `[bold]` would mean something."""
    return printable(value).replace("[", r"\[")


def program_graph(answer: Answer, batch: int) -> GraphView:
    """The graph that an answer runs on a batch, with the names of its tensors."""
    program = answer.program
    example = np.zeros((batch, *answer.input.shape), answer.input.dtype)
    view = graph(program.on_batch)(fitted(example, answer.input), list(program.tensors.values()))
    return replace(view, name="answer", names=("x", *program.tensors))


def export_c(options: argparse.Namespace) -> int:
    """Write the object and its header, and say how to use them."""
    made = export(
        options.file,
        options.out,
        name=options.name,
        batch=options.batch,
        cpu=options.cpu,
        shared=options.shared,
    )
    code, header = shortest(made.code), shortest(made.header)
    out.print(f"{code}  {made.code.stat().st_size:,} bytes, of which {made.weights:,} are weights", markup=False)
    out.print(f"{header}  {made.name}_run, and what to know of its x and y\n", markup=False)
    out.print("use it: ", style="dim", end="")
    found = f" -Wl,-rpath,{made.code.parent.resolve()}" if options.shared else ""  # or the program does not find it
    out.print(f'#include "{made.header.name}", and  cc -I{made.header.parent} main.c {code}{found} -lm', markup=False)
    return 0


def serve_files(options: argparse.Namespace) -> int:
    """Serve saved answers until a signal says stop."""
    chosen = {name: getattr(options, name) for name in SERVING}
    serve(*options.files, allow_hosts=tuple(options.allow_host), **chosen)
    return 0


def explain_code(options: argparse.Namespace) -> int:
    """One code explained, with an example that raises it and the mended one; or all codes by family."""
    if options.code:
        out.print(str(explain(options.code)), markup=False)
        return 0
    for family, about, codes in families():
        out.print(f"[bold]{family}[/bold]  {about}")
        for code in codes:
            out.print(f"  {code:<11} {headline_of(code)}", markup=False)
        out.print()
    return 0
