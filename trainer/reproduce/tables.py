"""Results as Markdown: what is reached, what holds, per language, from language to language."""

from collections.abc import Iterator, Sequence

from cmlstream.trainer.losses import VARIANTS

from .baselines import METHOD as BASELINE
from .gains import PLAIN, Gain
from .markdown import NOTHING, mean, number, spread, table
from .our_tables import our_tables, recipe
from .protocol import Protocol
from .records import FIGURES, FOLDS, FigureName, Record
from .results import Results
from .scoring import EVERYWHERE

TITLES: dict[FigureName, str] = {
    "uar": "UAR",
    "activation": "r activation",
    "valence": "r valence",
    "mean_activation": "r activation of the latent mean",
    "mean_valence": "r valence of the latent mean",
}

MARKS = {"yes": "✓", "no": "✗", "undecided": "·"}

INTRODUCTION = """\
UAR is over anger, happiness, neutral and sadness; r is Pearson's correlation with published activation and
valence, on the languages that have them. The latents of the paper's networks are all read by the same
readers, fitted to the training clips: an RBF SVM for the class, ridge regression for activation and valence.
A latent without labels has no axis that means activation and no sign, so that reading is what is fair to all
variants; the mean of the latent (of its half, for `actval`), which the published figures are of, is given
beside it. Labels to train on are the published ones of a corpus that has them and the circumplex position of
the class elsewhere; labels to measure by are published ones alone. Surprise and calm have no position and
train the autoencoder only.

Normalisation: `none`, the training clips' statistics; `corpus`, each corpus's own, all at once
(transductive); `causal`, the running baseline of a stream that plays each speaker's clips in a random order.
Figures are means over seeds, and over folds where there are any."""


def render(results: Results) -> str:
    """The whole document."""
    return "\n\n".join(
        part
        for part in (
            "# The paper's protocol, and ours",
            INTRODUCTION,
            *our_tables(results),
            *_claim(results),
            *_left_out(results, Protocol.LEAVE_ONE_OUT, "Leave one language out"),
            *_left_out(results, Protocol.TRANSFER, "All source languages to the transfer corpora"),
            *_within(results),
            *_matrices(results),
            *_provenance(results),
        )
    ) + "\n"  # fmt: skip


def _claim(results: Results) -> Iterator[str]:
    yield "## Does the metric loss beat the plain autoencoder?"
    yield (
        "Gain of each variant over the plain autoencoder (whose own figure is under `none`), on the same "
        "splits with the same seeds: ✓ where the 95 % interval over seeds lies above zero, ✗ where it lies "
        "below, · where it includes zero."
    )
    yield table(
        ["it holds (✓, ·, ✗)", *_labelled()],
        [
            [TITLES[name], *(_count(results.gains, name, method) for method in _labelled())]
            for name in FIGURES
        ],
    )
    for name in FIGURES:
        rows = list(_gain_rows(results.gains, name))
        if rows:
            yield f"### {TITLES[name]}"
            yield table(["protocol", "normalisation", PLAIN, *_labelled()], rows)


def _labelled() -> list[str]:
    return [variant for variant in VARIANTS if variant != PLAIN]


def _count(gains: Sequence[Gain], name: FigureName, method: str) -> str:
    verdicts = [gain.holds for gain in gains if gain.figure == name and gain.method == method]
    return ", ".join(str(verdicts.count(verdict)) for verdict in ("yes", "undecided", "no"))


def _gain_rows(gains: Sequence[Gain], name: FigureName) -> Iterator[list[str]]:
    chosen = [gain for gain in gains if gain.figure == name]
    for protocol, normalisation in dict.fromkeys((gain.protocol, gain.normalisation) for gain in chosen):
        of_method = {
            gain.method: gain
            for gain in chosen
            if (gain.protocol, gain.normalisation) == (protocol, normalisation)
        }
        plain = next(iter(of_method.values())).plain
        cells = [_signed(of_method[method]) if method in of_method else NOTHING for method in _labelled()]
        yield [protocol, normalisation, number(plain), *cells]


def _signed(gain: Gain) -> str:
    sign = "+" if gain.gain >= 0 else ""
    return f"{sign}{number(gain.gain)} {MARKS[gain.holds]}"


def _left_out(results: Results, protocol: Protocol, title: str) -> Iterator[str]:
    """A table for each normalisation: methods against languages, UAR and the correlations that are known."""
    records = [record for record in results.records if record.protocol == protocol and record.is_of_language]
    if records:
        yield f"## {title}"
    for normalisation in dict.fromkeys(record.normalisation for record in records):
        chosen = [record for record in records if record.normalisation == normalisation]
        yield f"Normalisation `{normalisation}`"
        yield _by_language(chosen)


def _by_language(records: Sequence[Record]) -> str:
    names: tuple[FigureName, ...] = ("uar", "activation", "valence")
    columns = [
        (name, language)
        for name in names
        for language in sorted({record.language for record in records})
        if any(getattr(record, name) for record in records if record.language == language)
    ]
    head = ["", *(f"{TITLES[name]} {language}" for name, language in columns), "mean UAR"]
    rows = []
    for method in dict.fromkeys(record.method for record in records):
        of_language = {record.language: record for record in records if record.method == method}
        figures = [getattr(of_language[language], name) for name, language in columns]
        recalls = [record.uar.mean for record in of_language.values() if record.uar]
        average = sum(recalls) / len(recalls) if recalls else None
        rows.append([method, *map(mean, figures), number(average)])
    return table(head, rows)


def _within(results: Results) -> Iterator[str]:
    records = [
        record for record in results.records if record.protocol in FOLDS and record.language == EVERYWHERE
    ]
    yield "## Within the source corpora"
    yield "Five folds for each seed, for the baselines those of the first one. Mean ± deviation over folds."
    for protocol in dict.fromkeys(record.protocol for record in records):
        yield f"### {protocol.capitalize()}"
        rows = [
            [record.method, record.normalisation, *(spread(getattr(record, name)) for name in FIGURES)]
            for record in records
            if record.protocol == protocol
        ]
        yield table(["", "normalisation", *TITLES.values()], rows)


def _matrices(results: Results) -> Iterator[str]:
    records = [
        record
        for record in results.records
        if record.protocol == Protocol.ONE_LANGUAGE and record.is_of_language
    ]
    if records:
        yield "## From one language to another"
        yield f"UAR of `{PLAIN}` / `actval` / {BASELINE}; a row trains, a column is measured."
    for normalisation in dict.fromkeys(record.normalisation for record in records):
        yield f"Normalisation `{normalisation}`"
        yield _matrix([record for record in records if record.normalisation == normalisation])


def _matrix(records: Sequence[Record]) -> str:
    measured = sorted({record.language for record in records})
    found = {(record.method, record.trained_on, record.language): record.uar for record in records}

    def cell(trained: str, language: str) -> str:
        if trained == language:
            return NOTHING
        return " / ".join(
            mean(found.get((method, trained, language))) for method in (PLAIN, "actval", BASELINE)
        )

    rows = [
        [trained, *(cell(trained, language) for language in measured)]
        for trained in sorted({record.trained_on for record in records})
    ]
    return table(["", *measured], rows)


def _provenance(results: Results) -> Iterator[str]:
    yield "## How it was made"
    clips = ", ".join(f"{language} {count}" for language, count in results.clips.items())
    versions = results.versions
    yield "\n".join(
        [
            f"    {results.command}",
            "",
            f"- seeds {', '.join(map(str, results.seeds))}; {results.networks} networks in "
            f"{results.minutes:.1f} minutes",
            f"- the paper's: {results.epochs} epochs; {recipe(results.ours)}",
            f"- clips: {clips}",
            f"- cmlstream {versions.cmlstream} {versions.commit}, torch {versions.torch}, "
            f"NumPy {versions.numpy}, scikit-learn {versions.scikit_learn}, Python "
            f"{versions.python}, {versions.platform}",
        ]
    )
    yield "The baselines' settings, chosen on the source corpora:"
    yield table(
        ["normalisation", "target", "C", "gamma", "on what was left out"],
        [
            [
                choice.normalisation,
                choice.target,
                f"{choice.c:g}",
                f"{choice.gamma:g}",
                number(choice.left_out),
            ]
            for choice in results.choices
        ],
    )
