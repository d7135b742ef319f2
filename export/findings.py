"""What an export has found out about a model, and how the manifest tells it."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from contract.confidence import probabilities
from contract.features import features
from contract.manifest import (
    Audio,
    Calibration,
    FoldMetrics,
    FrontEnd,
    LayerSensitivity,
    License,
    Manifest,
    Model,
    Novelty,
    Speed,
    Summary,
)
from contract.provenance import source_commit
from contract.reference import EmbeddingStatistics, Histogram, Reference
from export import calibration
from export.calibration import Calibration as Calibrated
from export.calibration import reliability
from export.evidence import Witness
from export.pruning import unpruned
from export.testimony import Testimony, Verdict
from training.checkpoint import operations


@dataclass(frozen=True)
class Findings:
    """Everything that stands in the manifest and beside it."""

    own: Witness
    verdict: Verdict
    calibrated: Calibrated
    reference: Reference
    sensitivity: tuple[LayerSensitivity, ...]
    kept_float: tuple[str, ...]
    """Layers that INT8 leaves alone."""
    speed: Speed

    def manifest(self, name: str, version: str, terms: License) -> Manifest:
        """All of it, as the bundle says it; the files are still to be named."""
        facts = self.own.facts
        return Manifest(
            name=name,
            version=version,
            created=datetime.now(UTC).replace(microsecond=0),
            commit=source_commit(),
            trained_commit=facts.commit,
            dataset=facts.dataset,
            training_windows=len(self.own.material.train),
            teachers=len(facts.teachers),
            held_out_folds=facts.held_out_folds,
            recipe=facts.recipe.model_dump(mode="json"),
            audio=Audio(sample_rate=facts.recipe.audio.sample_rate, window_samples=facts.recipe.audio.window_samples),
            front_end=self._front_end(),
            model=self._model(),
            labels=facts.labels,
            calibration=self._calibration(),
            novelty=self._novelty(),
            metrics=self._metrics(),
            summary=self._summary(),
            parity=self.verdict.parity(),
            sensitivity=self.sensitivity,
            speed=self.speed,
            kept_float=self.kept_float,
            files={},
            license=terms,
        )

    def _front_end(self) -> FrontEnd:
        config = self.own.facts.recipe.front_end
        cepstral = config.n_mfcc if config.kind == "mfcc" else None
        return FrontEnd(**config.model_dump(exclude={"n_mfcc"}), n_mfcc=cepstral)

    def _model(self) -> Model:
        network, recipe, classes = self.own.model.network, self.own.facts.recipe, len(self.own.facts.labels)
        left, whole = operations(recipe, classes), operations(unpruned(recipe), classes)
        return Model(
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            multiply_accumulates=left,
            embedding=network.head.in_features,
            pruned=1 - left / whole,
        )

    def _calibration(self) -> Calibration:
        reject = self.calibrated.reject
        return Calibration(
            temperature=self.calibrated.temperature,
            reject_below=reject.threshold,
            precision=reject.precision,
            precision_wanted=reject.wanted,
            coverage=reject.coverage,
            windows=len(self.calibrated.confidence),
            folds=self.verdict.folds,
        )

    def _novelty(self) -> Novelty:
        found = self.verdict.novelty
        flagged = {str(fold): share for fold, share in found.flagged.items()}
        return Novelty(method=found.method, threshold=found.threshold, percentile=found.percentile, flagged=flagged)

    def _metrics(self) -> dict[str, FoldMetrics]:
        """Of each fold; a single one is calibrated against parts of itself."""
        after = {fold.fold: fold.after.ece for fold in self.calibrated.folds}
        if len(self.verdict.testimonies) == 1:
            after = dict.fromkeys(self.verdict.folds, self.calibrated.after.ece)
        return {
            testimony.witness.fold_words: _fold_metrics(testimony, after[testimony.witness.folds[0]])
            for testimony in self.verdict.testimonies
        }

    def _summary(self) -> Summary:
        accuracies = [testimony.wanted.accuracy for testimony in self.verdict.testimonies]
        return Summary(
            accuracy=float(np.mean(accuracies)),
            deviation=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
            missing_folds=self._missing_folds(),
            ece=self.calibrated.before.ece,
            ece_calibrated=self.calibrated.after.ece,
            seed=self.own.facts.recipe.loop.seed,
            commits=tuple(sorted({testimony.witness.facts.commit for testimony in self.verdict.testimonies})),
        )

    def _missing_folds(self) -> tuple[int, ...]:
        """Those that these weights, or some of the sounds, should have been judged on and were not."""
        wanted = self.own.folds or set(self.own.material.folds)
        return tuple(sorted(set(wanted) - set(self.verdict.folds)))


def calibrate(verdict: Verdict, precision: float) -> Calibrated:
    """Temperature and threshold, by the answers to sounds that were not heard."""
    answers = verdict.answers
    return calibration.calibrate(answers.logits, answers.labels, verdict.parts, precision)


def reference_of(
    own: Witness, statistics: EmbeddingStatistics, verdict: Verdict, calibrated: Calibrated
) -> Reference:
    """What sounds looked like: plain facts of those learned from, answers to those held out."""
    facts = _features(own)
    distances = np.concatenate(list(verdict.distances.values()))
    values = facts | {"confidence": calibrated.confidence, "novelty": distances}
    predicted = np.bincount(verdict.answers.predicted, minlength=len(own.facts.labels))
    return Reference(statistics, predicted, {name: Histogram.of(found) for name, found in values.items()})


def _features(own: Witness) -> dict[str, NDArray[np.floating]]:
    rate = own.facts.recipe.audio.sample_rate
    rows = [features(wave, rate) for (wave,) in own.material.train.waves(1)]
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


def _fold_metrics(testimony: Testimony, ece_calibrated: float) -> FoldMetrics:
    wanted = testimony.wanted
    return FoldMetrics(
        windows=len(wanted.labels),
        accuracy=wanted.accuracy,
        loss=wanted.loss,
        ece=reliability(probabilities(wanted.logits), wanted.labels).ece,
        ece_calibrated=ece_calibrated,
    )
