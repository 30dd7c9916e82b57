"""Each finding as a sentence: what was compared, the difference with its interval, and whether it is a clear one."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from darkroom.report.comparisons import NONE, Effect, accuracy_change
from darkroom.report.intervals import Difference
from darkroom.report.parts.table import Finding, say
from darkroom.report.results import Classifier
from darkroom.report.sections.card import Card
from darkroom.report.sections.classifiers import Classifiers
from darkroom.report.sections.detectors import Task, auroc
from darkroom.report.sections.generators import Generators, too_many_copies
from darkroom.report.sections.over_tasks import Overall
from darkroom.report.sections.synthetic import Synthetics
from darkroom.report.words import text
from darkroom.report.words.choice import Choice

MOST = 4
"""Comparisons spelled out at the top; when there are more, only those of the best classifier are."""


def titled(classifier: Classifier) -> Markup:
    """A classifier's name within a sentence."""
    if classifier.policy == NONE:
        return say("<b>{}</b> without augmentation", classifier.model)
    return say("<b>{}</b> with <b>{}</b>", classifier.model, classifier.policy)


def choices(found: Classifiers) -> Iterator[Finding]:
    """What the best network has over the others, and what each policy brought."""
    for effect in found.network_effects[:MOST]:
        yield _network(effect)
    policies = found.policy_effects
    if len(policies) > MOST:
        policies = [effect for effect in policies if effect.to.model == found.best.model]
    for effect in policies:
        yield _policy(effect)


def imbalance(found: Classifiers) -> Iterator[Finding]:
    """The policy that helps unequal classes most, for the best classifier's network."""
    if found.imbalance is None:
        return
    effects = [effect for effect in found.imbalance.effects if effect.to.model == found.best.model]
    if not effects:
        return
    best = max(effects, key=lambda effect: effect.difference.value)
    (rare, few), (common, many) = found.imbalance.rarest, found.imbalance.commonest
    words = say(
        "Of {} training images for <b>{}</b> and {} for <b>{}</b>: ", text.count(few), rare, text.count(many), common
    )
    change = text.points(best.difference)
    words += say("{} brings most balanced accuracy, {} over no policy.", titled(best.to), change)
    yield Finding("Unequal classes", *_verdict(best.difference), words)


def tta(found: Classifiers) -> Iterator[Finding]:
    """What test-time augmentation turned for the best classifier, what that brought and what it costs."""
    best = found.best
    fixed, broken = (best.measured("metrics", "tta", key).value for key in ("fixed", "broken"))
    if fixed is None or broken is None:
        return
    of, to = text.plural(fixed, "wrong answer"), text.plural(broken, "right answer")
    words = say("For {}, TTA turned {} right and {} wrong", titled(best), of, to)
    words += say(", in the mean over seeds") if len(best.runs) > 1 else Markup("")
    effect = accuracy_change(best, best, views=("tta", "plain"))
    plain, slower = (best.measured("timing", "ms_per_image", view).value for view in ("plain", "tta"))
    cost = Markup(".")
    if plain is not None and slower is not None:
        cost = say(", for {} ms an image instead of {}.", text.compact(slower), text.compact(plain))
    if effect is None:
        yield Finding("TTA", "counted", "note", words + cost)
        return
    words += say(": {} of accuracy", text.points(effect.difference)) + cost
    yield Finding("TTA", *_verdict(effect.difference), words)


def calibration(found: Classifiers) -> Iterator[Finding]:
    """What temperature scaling did to the expected calibration error of the best classifier."""
    best = found.best
    raw, scaled = (best.number("views", "plain", stage, "ece", bounds=(0, 1)) for stage in ("raw", "calibrated"))
    if raw.value is None or scaled.value is None:
        return
    before, after = text.full(raw, "decimal"), text.full(scaled, "decimal")
    if raw.overlaps(scaled):
        words = say("ECE of {}: {} as trained, {} after temperature scaling.", titled(best), before, after)
        yield Finding("Calibration", "no clear difference", "even", words)
        return
    cut = scaled.value < raw.value
    done = "cut" if cut else "raised"
    words = say("Temperature scaling {} the ECE of {} from {} to {}.", done, titled(best), before, after)
    yield Finding("Calibration", "helped" if cut else "hurt", "good" if cut else "bad", words)


def classes(found: Classifiers) -> Iterator[Finding]:
    """The weak classes of the best classifier."""
    if found.lowest is None:
        return
    name, f1 = found.lowest
    lowest = say("The lowest is <b>{}</b> with F1 {}.", name, text.full(f1, "percent"))
    if not found.weak:
        yield Finding("Classes", "none is weak", "even", say("No class lies clearly below the mean F1. {}", lowest))
        return
    shown = found.weak if len(found.weak) <= 2 * MOST else [*found.weak[: 2 * MOST], "more"]
    lie = text.plural(len(found.weak), "class lies", "classes lie")
    words = say("{} clearly below the mean F1: {}. {}", lie, text.listed(shown), lowest)
    yield Finding("Classes", "some are weak", "bad", words)


def generation(generators: Generators) -> Iterator[Finding]:
    """The generator nearest to the held-out images, and what to be wary of."""
    best = generators.best
    fid, covered = best.number("judge", "fid"), best.share("judge", "coverage")
    floor = best.number("judge_floor", "fid")
    words = say("<b>{}</b> comes nearest to the test images: FID {}", best.title, text.full(fid, "compact"))
    if floor.value is not None:
        words += say(" where real images have {}", text.full(floor, "compact"))
    words += say(", coverage {}", text.full(covered, "decimal"))
    accurate = best.share("accuracy")
    if accurate.value is not None:
        words += say("; {} of its samples are given the class asked for", text.full(accurate, "percent"))
    words += Markup(".")
    verdict, tone = "measured", "note"
    if len(generators.ranked) > 1:
        second = generators.ranked[1]
        other = second.number("judge", "fid")
        words += say(" Next comes <b>{}</b> with FID {}.", second.title, text.full(other, "compact"))
        if fid.low is not None and other.low is not None:
            apart = not fid.overlaps(other)
            verdict, tone = ("clear difference", "good") if apart else ("no clear difference", "even")
    yield Finding("Generation", verdict, tone, words)
    for method, reasons in generators.collapsed:
        yield Finding("Generation", "collapsed", "bad", say("<b>{}</b>: {}.", method.title, "; ".join(reasons)))
    for method in generators.ranked:
        if too_many_copies(method):
            share = text.full(method.share("memorisation", "near_copies"), "percent")
            words = say("{} of the samples of <b>{}</b> are near-copies of training images.", share, method.title)
            yield Finding("Generation", "memorises", "bad", words)


def synthetic(found: Synthetics | None) -> Iterator[Finding]:
    """Whether images drawn by a generator helped the classifier, against nothing and against each usual remedy."""
    for each in found.effects if found else []:
        change = each.over_none.difference
        words = say("Images drawn by <b>{}</b> for rare classes: {}", each.model, titled(each.over_none.to))
        words += say(" has {} of balanced accuracy over no policy", text.points(change))
        if each.rival is not None:
            words += say(", and {} over {}", text.points(each.rival.difference), titled(each.rival.base))
            words += Markup(", the best of the other remedies")
        yield Finding("Synthetic data", *_verdict(change), words + Markup("."))


def detection(tasks: list[Task], overall: Overall | None = None) -> Iterator[Finding]:
    """How the detectors do over all tasks, or the best one of each, and which to use."""
    if overall is not None and overall.best[1].value is not None:
        title, score = overall.best
        words = say("Over {} choices of normal, <b>{}</b> has", overall.tasks, title)
        words += say(" a mean AUROC of {}.", text.full(score, "decimal"))
        if overall.hardest is not None:
            name, lowest = overall.hardest
            words += say(" It does worst with <b>{}</b> as normal: {}.", name, text.full(lowest, "decimal"))
        yield Finding("Anomalies", "measured", "note", words)
        if len(overall.ranked) > 1:
            yield _use(overall.choice)
        return
    for task in tasks[:MOST]:
        yield _detection(task)
        if len(task.ranked) > 1 and task.choice.title is not None:
            yield _use(task.choice)


def _use(choice: Choice) -> Finding:
    return Finding("Detector", "recommended", "note", choice.words)


def _detection(task: Task) -> Finding:
    """The best detector of a task: how well it ranks and what its threshold does."""
    best = task.best
    score = auroc(best)
    second = task.ranked[1].title if len(task.ranked) > 1 else ""
    lead = task.lead
    if score.value is None:
        words = say("With <b>{}</b> as normal, no detector can be ranked: {}.", task.normal_text, score.reason)
        words += say(" At its threshold <b>{}</b> flags", best.title)
    else:
        words = say(
            "With <b>{}</b> as normal, <b>{}</b> ranks best: AUROC {}",
            task.normal_text,
            best.title,
            text.full(score, "decimal"),
        )
        if lead is not None:
            words += say("; over <b>{}</b> {}", second, text.points(lead, "decimal"))
        words += Markup(". At its threshold it flags")
    rates = {"false_alarm_rate": "of the normal test images", "detection_rate": "of the anomalies"}
    shares = [(best.share("image", name), of) for name, of in rates.items()]
    known = [say("{} {}", text.full(share, "percent"), of) for share, of in shares if share.value is not None]
    words += say(" {}.", Markup(" and ").join(known) if known else "an unknown share")
    verdict, tone = "measured", "note"
    if lead is not None:
        verdict, tone = ("clear difference", "good") if lead.clear else ("no clear difference", "even")
    return Finding("Anomalies", verdict, tone, words)


def warnings(card: Card) -> Iterator[Finding]:
    """What the data card warns of."""
    for warning in card.warnings:
        yield Finding("Data", "warning", "bad", say("{}", warning))


def _network(effect: Effect) -> Finding:
    change, amount = effect.difference, text.points(effect.difference)
    if not change.clear:
        words = say("{} against {}: {} of accuracy.", titled(effect.to), titled(effect.base), amount)
        return Finding("Network", "no clear difference", "even", words)
    order = "more" if change.value > 0 else "less"
    words = say("{} is {} accurate than {}: {}.", titled(effect.to), order, titled(effect.base), amount)
    return Finding("Network", "clear difference", "good" if change.value > 0 else "bad", words)


def _policy(effect: Effect) -> Finding:
    verdict, tone = _verdict(effect.difference)
    amount, policy, model = text.points(effect.difference), effect.to.policy, effect.to.model
    if effect.difference.clear:
        words = say("<b>{}</b> {} <b>{}</b>: {} of accuracy.", policy, verdict, model, amount)
    else:
        words = say("<b>{}</b> against no augmentation for <b>{}</b>: {} of accuracy.", policy, model, amount)
    return Finding("Augmentation", verdict, tone, words)


def _verdict(change: Difference) -> tuple[str, str]:
    if not change.clear:
        return "no clear difference", "even"
    return ("helped", "good") if change.value > 0 else ("hurt", "bad")
