"""The journal of a sweep, and how a sweep resumes from it.

The journal holds the result of every chunk of the compiled programs. To resume, the host repeats all its calls. It asks
the sampler and the scheduler again, and reads the results of past chunks from the journal instead of running them.
Samplers and schedulers therefore need no serialization; only the lanes and the kept parameters are saved.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxnn.io.runs import Log, Run
from jaxnn.io.runs.journal import unpack_array
from jaxnn.io.runs.run import NoRun
from jaxnn.sweeps.describe import as_choices, check_repeated, describe_result, mismatch_error
from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.chunk_runner import ChunkRunner
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.lanes import LaneReader, Lanes
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.engine.trim import Trimmer
from jaxnn.sweeps.journaled_program import JournaledChunk, JournaledProgram
from jaxnn.sweeps.recorded_calls import describe_call, read_call
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.tables import flatten_hypers, list_numbers, make_files, trials_csv
from jaxnn.sweeps.samplers.base import RecordedCall
from jaxnn.sweeps.saved_shapes import SavedShapes
from jaxnn.sweeps.space.space import Choices, Setting


class SweepJournal:
    """Writes the events of a sweep to the journal; while the sweep resumes, compares them with it instead.

    Attributes:
        best: the results so far.
        resuming: whether chunks are still read from the journal instead of running.
        in_memory: whether there is no directory.
        trimmer: gives the parameters of trials their own shapes.
        shapes: those of what is saved of trials.
    """

    def __init__(self, run: Run, plan: Plan, best: BestTrials, log: Log | None, earlier_trials: int = 0) -> None:
        self.best, self._run, self._plan, self._log = best, run, plan, log
        self._events = deque(event for event in run.events if event["event"] != "checkpoint")
        self._chunk_events = deque(event for event in run.events if event["event"] == "chunk")
        self.resuming = bool(self._events)
        self.in_memory = not run.active
        # The last checkpoint before the last event.
        self._checkpoint = run.last_number
        batches = [event for event in run.events if event["event"] == "batch"]
        recorded = earlier_trials + sum(len(event["settings"]) for event in batches)
        if recorded > plan.trials:
            raise ValueError(f"sweep: the directory holds {recorded} trials, more than trials={plan.trials}")
        self._program_number = -1
        for event in run.events:
            if event["event"] == "program":
                plan.lane_counts[as_choices(event["choices"])] = LaneCount(*event["lane_count"])
        self._digests: dict[Choices, str] = {}
        self._lanes: Lanes | None = None
        self._chunk: JournaledChunk | None = None
        # Events since the last chunk, which are written with the next one.
        self._pending: list[tuple[str, dict[str, Any]]] = []
        self._settled: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._saved: dict[str, Any] = {"kept": {}, "states": {}}
        self._earlier: dict[int, dict[str, Any]] = {}
        self.trimmer, self.shapes = Trimmer(plan), SavedShapes(plan)

    @property
    def is_saved(self) -> bool:
        """Whether a checkpoint holds all that has happened; in memory, none is needed."""
        return self.in_memory or self._run.last_number > self._checkpoint

    def next_call(self, first: int) -> RecordedCall | None:
        """Returns the call of the sampler that comes next in the journal, after `first` settings of the user's."""
        return read_call(self._events[0], first) if self._events and self._events[0]["event"] == "batch" else None

    def record_batch(self, batch: list[tuple[int, Setting]], asked: int, note: Any = None) -> None:
        """Records the settings of the next trials, for some of which the sampler was asked, and what it noted."""
        self.best.drawn |= dict(batch)
        self._checkpoint = self._run.last_number
        if self._run.active:
            self._record("batch", **describe_call(batch, asked, note))

    def needs_next_program(self) -> bool:
        """Returns whether the program after the next one has chunks left to run, so that it should compile ahead."""
        resumed = self._run.resumed_from
        return resumed is None or not (resumed.get("done") or self._program_number + 2 < resumed["run"])

    def wrap_program(self, program: Program, setting: Setting) -> ChunkRunner:
        """Returns a program whose chunks are written to the journal or read from it, and records that it runs next."""
        if not self._run.active:
            return program
        self._program_number += 1
        if setting.choices not in self._digests:  # a program runs once for every batch of an adaptive sampler
            self._digests[setting.choices] = program.digest
        digest = self._digests[setting.choices]
        self._record(
            "program", run=self._program_number, choices=setting.choices, lanes=program.size,
            lane_count=program.lane_count, traced=digest,
        )  # fmt: skip
        resumed = self._run.resumed_from
        if self.resuming and resumed is not None and resumed["run"] == self._program_number:
            self._restore(program)
        return JournaledProgram(self, program, self._lanes)

    def start_again(self, plan: Plan) -> "SweepJournal":
        """Returns the journal of a search in memory that goes on from this one."""
        return SweepJournal(NoRun(), plan, BestTrials(self.best.keep, keeps_states=self.best.keeps_states), self._log)

    def add_earlier(self, result: TrialResult, read_params: Callable[[], Any], state: list[np.ndarray] | None) -> None:
        """Adds the result of an earlier run, which the journal of that run holds, and the state, if it was kept."""
        if state is not None:
            self.best.states[result.trial] = state
        self._earlier[result.trial] = describe_result(result)
        self.best.add(result, read_params)

    def record_trial(self, result: TrialResult, reader: LaneReader | None = None) -> None:
        """Records a trial that has ended, and logs it unless it ended before the checkpoint."""
        if self._plan.debug_nans and result.status != "failed" and math.isnan(result.score):
            hypers = flatten_hypers(self._plan.hypers(result.setting))
            raise FloatingPointError(
                f"sweep: trial {result.trial} with {hypers} has the score NaN after {result.epochs} epochs"
            )
        if self._run.active:
            recorded = self._record("trial", **describe_result(result))
            if self.resuming:
                # Its parameters, if they are still kept, are in the checkpoint.
                self.best.add(result._replace(seconds=float(recorded["seconds"])), lambda: None)
                self._end_resuming()
                return
        self.best.add(result, lambda: self._read_params(result, reader))
        if self.best.keeps_states and result.status == "finished" and reader is not None:
            self.best.states[result.trial] = reader.read_state()
        if self._log is not None:
            self._log(result.trial, list_numbers(self._plan.hypers(result.setting), result))

    def record_chunk(self, stats: ChunkStats) -> ChunkStats:
        """Records a chunk, after all decisions that its result led to."""
        if self._run.active:
            fields = {} if self._chunk is None else self._chunk.describe()
            recorded = self._record("chunk", **stats._asdict(), **fields)
            times = {name: recorded[name] for name in ("seconds", "compile_seconds")}
            stats = stats._replace(**times)
        self.best.chunks.append(stats)
        self._checkpoint = self._run.last_number
        self._end_resuming()
        if not self.resuming:
            self._write_pending()
            self.settle()
        return stats

    def settle(self) -> None:
        """Sets what `save` saves: the state now, in which all events are written."""
        self._settled = self._state(), self._position()

    def save_if_due(self) -> bool:
        """Saves a checkpoint when it is due; returns whether a signal ends the sweep here."""
        if self._settled is None:
            return False
        state, position = self._settled
        return self._run.save_if_due(state, self._trials_table, **position)

    def save(self) -> None:
        """Saves a checkpoint of the sweep after its last chunk, if there was one since it was resumed."""
        if self._settled is not None:
            state, position = self._settled
            self._run.save(state, self._trials_table, **position)

    def finish(self) -> None:
        """Saves the final checkpoint."""
        self._write_pending()
        self._run.finish(self._state(), **self._position())

    def tables(self) -> dict[str, Iterator[str]]:
        """Returns the CSV files: a row for each trial, and one for each of its epochs."""
        return make_files(self._plan.space, self.best.sorted_results(), tuple(self._plan.metrics))

    def next_chunk_result(self, epochs: int) -> ChunkResult:
        """Returns the journal's result of the next chunk."""
        event = self._chunk_events.popleft()
        if event["epochs"] != epochs:
            raise mismatch_error(f"epochs of a chunk: {event['epochs']} before, {epochs} now")
        stopped = unpack_array(event["stopped"]) if event.get("stopped") else None
        # Trials write into the curves after a lane has ended early.
        return ChunkResult(unpack_array(event["diverged"]), unpack_array(event["curves"]).copy(), stopped)

    def set_lanes(self, lanes: Lanes, chunk: JournaledChunk | None = None) -> None:
        """Sets the lanes to save, and the chunk that led to them."""
        self._lanes, self._chunk = lanes, self._chunk if chunk is None else chunk

    def _record(self, event: str, **fields: Any) -> dict[str, Any]:
        """Appends an event to the journal; while resuming, compares it with the recorded one and returns that."""
        if not self.resuming:
            self._pending.append((event, fields))
            return fields
        recorded = self._events.popleft()
        check_repeated(recorded, json.loads(json.dumps({"event": event, **fields})))
        return recorded

    def _write_pending(self) -> None:
        """Writes the events since the last chunk: the journal holds whole chunks, whatever ends the sweep."""
        # After a write that fails, no checkpoint may follow the part of the chunk that was written.
        self._settled = None
        for event, fields in self._pending:
            self._run.record(event, **fields)
        self._pending.clear()

    def _end_resuming(self) -> None:
        """Goes on with new chunks after the last recorded event."""
        if self.resuming and not self._events:
            self.resuming = False
            self.best.kept = {trial: self._saved["kept"].get(str(trial)) for trial in self.best.kept}
            self.best.states |= {int(trial): state for trial, state in self._saved["states"].items()}

    def _state(self) -> dict[str, Any]:
        kept, states = self.best.params_at_hand(), self.best.states
        by_trial = {"kept": kept, "states": states}
        return {"lanes": self._lanes} | {
            name: {str(trial): each for trial, each in trees.items()} for name, trees in by_trial.items()
        }

    def _position(self) -> dict[str, Any]:
        kept, states = sorted(self.best.params_at_hand()), sorted(self.best.states)
        return {
            "run": self._program_number, "kept": kept, "states": states, "trials": len(self.best.results),
            "limit": self._plan.trials,
        }  # fmt: skip

    def _trials_table(self) -> dict[str, Iterator[str]]:
        results = self.best.sorted_results()
        return {"trials.csv": trials_csv(self._plan.space, results, tuple(self._plan.metrics))}

    def _read_params(self, result: TrialResult, reader: LaneReader | None) -> Any:
        """Reads the parameters of a trial whose score is that of its last epoch."""
        if reader is None or result.score_epoch != result.epochs:
            return None
        return self.trimmer(result, reader.read_params())

    def _restore(self, program: Program) -> None:
        """Loads what the checkpoint holds, which is used after the last recorded chunk."""
        assert self._run.resumed_from is not None
        trials = self._earlier | {event["trial"]: event for event in self._run.events if event["event"] == "trial"}
        kept = {str(trial): self.shapes.params(trials[trial]) for trial in self._run.resumed_from["kept"]}
        with_states = self._run.resumed_from.get("states", ())
        states = {str(trial): self.shapes.state(trials[trial]) for trial in with_states}
        self._saved = self._run.restore({"lanes": program.shapes, "kept": kept, "states": states})
        self._lanes = program.place(self._saved["lanes"])
