"""What a sweep leaves in its directory, and how it goes on from there.

The journal holds what each call of a compiled program told the host. To go on, the host makes all its moves again: it
asks the sampler and the scheduler the same questions, and where it would have called a program, the journal answers.
Schedulers and samplers thus need no form on the disk; only the lanes and the kept parameters do.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from jaxnn._checks.arrays import by_name
from jaxnn.io.runs import Run
from jaxnn.io.runs.fingerprint import conditions, describe, describe_arrays
from jaxnn.io.runs.journal import as_json, pack_array, unpack_array
from jaxnn.sweeps.engine.lanes import Lanes, Orders
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import News, Program, Runnable
from jaxnn.sweeps.engine.run import Call
from jaxnn.sweeps.engine.trial import Outcome
from jaxnn.sweeps.results.best_trials import Found
from jaxnn.sweeps.results.tables import curves_csv, flat, rows, trials_csv
from jaxnn.sweeps.space.space import Setting

Log = Callable[[int, dict[str, float]], Any]

# What the clock decides, what the journal adds, and the news of a call, which come from the journal themselves.
_NOT_COMPARED = {"seconds", "line", "sha256", "diverged", "curves"}


class Record:
    """The sweep so far, on its way into the journal or out of it.

    Attributes:
        found: what has been found.
        past: whether calls are answered from the journal.
    """

    def __init__(self, run: Run, plan: Plan, found: Found, log: Log | None) -> None:
        self.found = found
        self._run, self._plan, self._log = run, plan, log
        self._events = deque(event for event in run.events if event["event"] != "checkpoint")
        self._news = deque(event for event in run.events if event["event"] == "call")
        self.past = bool(self._events)
        self._number = -1
        self._lanes: Lanes | None = None
        self._told: News | None = None
        self._kept: dict[str, Any] = {}

    def asked(self, batch: Iterable[tuple[int, Setting]]) -> None:
        """The sampler has answered."""
        if self._run.active:
            settings = [_described(trial, setting) for trial, setting in batch]
            self._note("batch", settings=settings)

    def will_run(self) -> bool:
        """Whether the program after the next one has calls left to make, so that it is worth compiling ahead."""
        begun = self._run.begun
        return begun is None or not (begun.get("done") or self._number + 2 < begun["run"])

    def watch(self, program: Program, setting: Setting) -> Runnable:
        """A program that is about to run; its calls go through the journal."""
        if not self._run.active:
            return program
        self._number += 1
        self._note("program", run=self._number, bucket=setting.bucket, lanes=program.size, traced=program.traced)
        if self.past and self._run.begun is not None and self._run.begun["run"] == self._number:
            self._restore(program)
        return _Watched(self, program, self._lanes)

    def ended(self, outcome: Outcome, params: Callable[[], Any]) -> None:
        """A trial has ended."""
        if self._run.active:
            said = self._note("trial", **_outcome(outcome))
            if self.past:
                # Its parameters, if they are still kept, are in the checkpoint.
                self.found.add(outcome._replace(seconds=said["seconds"]), lambda: None)
                return
        self.found.add(outcome, params)
        if self._log is not None:
            hypers = flat(self._plan.hypers(outcome.setting)).items()
            numbers = {name: float(value) for name, value in hypers if isinstance(value, int | float)}
            self._log(outcome.trial, numbers | {"score": outcome.score, "epochs": float(outcome.epochs)})

    def called(self, call: Call) -> Call:
        """A call has been made, and all it led to has been decided."""
        if self._run.active:
            news = {} if self._told is None else _packed(self._told)
            call = call._replace(seconds=self._note("call", **call._asdict(), **news)["seconds"])
        self.found.calls.append(call)
        if self.past and not self._events:
            self.past = False
            self.found.kept = {trial: self._kept[str(trial)] for trial in self.found.kept}
        return call

    def visit(self) -> bool:
        """Save when it is time to; whether the sweep is to end here."""
        return not self.past and self._run.visit(self._state(), self._trials, **self._place())

    def finish(self) -> None:
        """All trials have ended."""
        self._run.finish(self._state(), **self._place())

    def tables(self) -> dict[str, str]:
        """What has been found, for people: a row for each trial, and one for each of its epochs."""
        outcomes = [self.found.outcomes[trial] for trial in sorted(self.found.outcomes)]
        return self._trials() | {"curves.csv": curves_csv(outcomes)}

    def news(self, epochs: int) -> News:
        """What the next call told when it was made."""
        event = self._news.popleft()
        if event["epochs"] != epochs:
            raise _differs(f"a call of {event['epochs']} epochs would now have {epochs}")
        return News(unpack_array(event["diverged"]), unpack_array(event["curves"]))

    def latest(self, lanes: Lanes, told: News | None = None) -> None:
        """The lanes as they are now, and what the call told that made them so."""
        self._lanes, self._told = lanes, self._told if told is None else told

    def _note(self, event: str, **fields: Any) -> dict[str, Any]:
        """A line for the journal; in the past, the line that stands there, which must say the same."""
        if not self.past:
            self._run.record(event, **fields)
            return fields
        said, now = self._events.popleft(), json.loads(json.dumps({"event": event, **fields}))
        if event == "program" == said["event"] and now["traced"] != said["traced"]:
            raise ValueError(
                "sweep: the directory holds a run that was begun with another recipe: what make_recipe returns for "
                f"{dict(fields['bucket']) or 'this space'} is not what it was. Take the same, or another directory"
            )
        for name in [name for name in now if name not in _NOT_COMPARED]:
            if said.get(name) != now[name]:
                was, is_now = _first_difference(said.get(name), now[name])
                raise _differs(f"{name} of a {event} was {was} and would now be {is_now}")
        return said

    def _state(self) -> dict[str, Any]:
        return {"lanes": self._lanes, "kept": {str(trial): params for trial, params in self.found.kept.items()}}

    def _trials(self) -> dict[str, str]:
        outcomes = [self.found.outcomes[trial] for trial in sorted(self.found.outcomes)]
        return {"trials.csv": trials_csv(rows(outcomes, lambda outcome: self._plan.hypers(outcome.setting)))}

    def _place(self) -> dict[str, Any]:
        return {"run": self._number, "kept": sorted(self.found.kept), "trials": len(self.found.outcomes)}

    def _restore(self, program: Program) -> None:
        """The lanes of the checkpoint; what it holds of kept parameters is laid aside for the end of the past."""
        assert self._run.begun is not None
        settings = {event["trial"]: event for event in self._run.events if event["event"] == "trial"}
        kept = {str(trial): self._shapes(settings[trial]) for trial in self._run.begun["kept"]}
        saved = self._run.restore({"lanes": program.shapes, "kept": kept})
        self._lanes, self._kept = program.taken_up(saved["lanes"]), saved["kept"]

    def _shapes(self, trial: dict[str, Any]) -> Any:
        """Parameters of a trial as they are kept, NumPy arrays with the lanes first."""
        bucket = tuple((path, option) for path, option in trial["bucket"])
        shapes = jax.eval_shape(self._plan.recipe(bucket, trial["values"]).model.init, self._plan.key)
        return jax.tree.map(lambda leaf: np.empty((self._plan.layout.lanes, *leaf.shape), leaf.dtype), shapes)


class _Watched:
    """A program whose calls of the past are answered by the journal, and whose calls of now are written into it.

    It does not look ahead: the lanes of a checkpoint are those that the journal tells of.
    """

    ahead = 0

    def __init__(self, record: Record, program: Program, lanes: Lanes | None) -> None:
        self._record, self._program, self._lanes = record, program, lanes
        self.size, self.width, self.longest = program.size, program.width, program.longest

    def empty(self) -> Any:
        # In the past nothing looks at the lanes; those of the checkpoint are handed through to the first call of now.
        return self._lanes if self._record.past else self._program.empty()

    def copy(self, state: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Any:
        if not self._record.past:
            state = self._program.copy(state, parents, mask, values)
            self._record.latest(state)
        return state

    def advance(self, state: Any, orders: Orders, epochs: int) -> tuple[Any, Callable[[], News]]:
        if self._record.past:
            return state, lambda: self._record.news(epochs)
        state, read = self._program.advance(state, orders, epochs)

        def noted() -> News:
            news = read()
            self._record.latest(state, news)
            return news

        return state, noted


def _packed(told: News) -> dict[str, Any]:
    return {"diverged": pack_array(told.diverged), "curves": pack_array(told.curves)}


def _described(trial: int, setting: Setting) -> dict[str, Any]:
    bucket = [(path, int(option)) for path, option in setting.bucket]
    return {"trial": trial, "bucket": bucket, "values": {name: float(value) for name, value in setting.values.items()}}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    numbers = {name: as_json(getattr(outcome, name)) for name in ("score", "spread", "seconds")}
    described = _described(outcome.trial, outcome.setting)
    return described | {"status": outcome.status, "epochs": outcome.epochs, **numbers}


def _first_difference(said: Any, now: Any) -> tuple[Any, Any]:
    """The first entry in which two lists of the same length differ; anything else as it is."""
    if isinstance(said, list) and isinstance(now, list) and len(said) == len(now):
        return next(pair for pair in zip(said, now, strict=True) if pair[0] != pair[1])
    return said, now


def _differs(what: str) -> ValueError:
    return ValueError(
        f"sweep: the directory's journal cannot be followed: {what}. To go on, a sampler and a scheduler must give "
        "the same answers to the same questions: hand in new ones, made as the first time, that have learned nothing"
    )


def configuration_of(plan: Plan, settings: dict[str, Any]) -> dict[str, Any]:
    """All that decides the bits of a sweep, for its directory; what the recipes compute is added program by program."""
    judging = {"score": plan.score, "judge": plan.judge}
    parts = {"make_recipe": plan.make_recipe, **judging, **plan.layout._asdict(), **settings}
    described = {"kind": "sweep"} | {name: describe(part) for name, part in parts.items()}
    space = {f"space.{name}": describe(part) for name, part in plan.space.items()}
    judged = None if plan.validation is None else by_name(plan.validation)
    data = {"key": plan.key, "data": by_name(plan.data), "validation": judged}
    return described | space | describe_arrays("", data) | conditions()
