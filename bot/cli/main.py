"""The command line, `python -m bot …`: data on standard output, talk on standard error."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bot.announcements.join_poster import poster
from bot.base import settings
from bot.base.database import now
from bot.base.text_normalization import NormalizedText
from bot.base.yaml_source import SourceError
from bot.community.partner_handout import handout
from bot.content.library import Library, load_library
from bot.content.lint import find_content_problems
from bot.nlu import NluContext, classify_message, explain_understanding, preload_language_model
from bot.nlu_training.dataset import find_training_problems
from bot.retention.key_rotation import keys
from bot.roster.import_command import import_command
from bot.runtime import Runtime, open_runtime_for_writing
from bot.speech import spoken_wording
from bot.voice import coverage
from bot.voice.voices_command import build_recorded_key_lookup, voices


@click.group()
def main() -> None:
    """Puente: the line between a school district and its families."""


@main.command()
@click.option("--from", "address", default="whatsapp:+12175550199", help="Whose phone this is.")
def chat(address: str) -> None:
    """A phone in the terminal: the whole line, with nothing else running; nothing is kept afterwards."""
    from bot.cli.chat import run_chat  # a database and a server start with it

    run_chat(address)


@main.command()
@click.option("--why", is_flag=True, help="Add the words and weights that decided, and what else was found.")
def route(why: bool) -> None:
    """Read texts (or JSON objects with "text" and "lang"), a line each; write what was understood, a line each."""
    library = _load_library()
    languages = library.district.languages
    preload_language_model(library.understood_languages)
    for line in sys.stdin:
        request = _parse_route_line(line)
        context = NluContext(library.phrasebook, languages, request.get("lang"))
        text = NormalizedText(request["text"])
        understood = classify_message(text, context)
        result = asdict(understood)
        also = result.pop("secondary_intents")
        explanation = {"also": also, "why": explain_understanding(text, understood, context)} if why else {}
        output = {"text": request["text"], **result, **explanation}
        click.echo(json.dumps(output, ensure_ascii=False))


@main.command()
@click.option("--production", is_flag=True, help="What is only a warning otherwise fails too.")
@click.option("--segments", is_flag=True, help="Show what the texts of each language cost as SMS, and the long ones.")
def check(production: bool, segments: bool) -> None:
    """Check flows, catalogs, facts and the district file; a line for each finding, exit 1 on errors."""
    if segments:
        _show_segments()
        return
    process_settings = _load_settings()
    try:
        library = load_library(settings.ROOT, process_settings.district_file)
    except SourceError as bad:
        for problem in bad.problems:
            click.echo(str(problem))
        sys.exit(1)
    errors, warnings = find_content_problems(settings.ROOT, library)
    warnings += spoken_wording.list_warnings(library)
    warnings += coverage.list_warnings(library, now(), build_recorded_key_lookup(process_settings))
    errors += find_training_problems(settings.ROOT / "flows", library.phrasebook.nlu_model)
    for line in (*errors, *(f"{warning} (warning)" for warning in warnings)):
        click.echo(line)
    click.echo(f"{len(errors)} errors, {len(warnings)} warnings", err=True)
    sys.exit(1 if errors or (production and warnings) else 0)


@main.command()
@click.argument("flow")
def graph(flow: str) -> None:
    """Draw FLOW in Mermaid, for any page that shows it (GitHub, mermaid.live)."""
    from bot.flows.mermaid import render_mermaid

    flows = _load_library().flows.flows
    if flow not in flows:
        raise click.ClickException(f"there is no flow '{flow}': one of {', '.join(sorted(flows))}")
    click.echo(render_mermaid(flows[flow]))


@main.command()
def schema() -> None:
    """Write the JSON Schema of flows: editors complete and check flows/*.yaml with it (flows/flow.schema.json)."""
    from bot.flows.model import Flow

    click.echo(json.dumps(Flow.model_json_schema(by_alias=True), indent=2))


@main.command()
@click.argument("where", type=click.Path(exists=True, path_type=Path), default=settings.ROOT / "flows/tests")
@click.option(
    "--channel", type=click.Choice(["whatsapp", "sms", "voice"]), multiple=True, help="All, if none is given."
)
@click.option("--left", is_flag=True, help="List the steps and choices that no transcript walks.")
def test(where: Path, channel: tuple[Any, ...], left: bool) -> None:
    """Play the transcripts in WHERE (flows/tests); a line for each difference, exit 1 if there is one."""
    from bot.flow_tests.runner import play_all

    library = _load_library()
    try:
        report = play_all(library, where, channel or ("whatsapp", "sms", "voice"))
    except SourceError as bad:
        raise click.ClickException(str(bad)) from None
    for problem in report.problems:
        click.echo(str(problem))
    steps, choices = report.list_uncovered_steps(library), report.list_uncovered_choices(library)
    for place in (*steps, *choices) if left else ():
        click.echo(f"not walked: {'.'.join(place)}")
    for flow, kind in report.list_uncovered_kinds(library) if left else ():
        click.echo(f"flows/tests/{flow}.yaml: no transcript with 'shows: {kind}'")
    summary = (
        f"{report.run_count} conversations in {len(report.visited_steps)} languages, {len(report.problems)} differences"
    )
    click.echo(f"{summary}; not walked: {len(steps)} steps, {len(choices)} choices", err=True)
    sys.exit(1 if report.problems else 0)


@main.command()
@click.argument("language")
@click.argument("start")
@click.option("--send", is_flag=True, help="Send it; without this it only says what would be sent, and to how many.")
def correct(language: str, start: str, send: bool) -> None:
    """Send the right wording to everyone who was sent a wrong one.

    First mend messages/LANGUAGE.po.  START is how the text begins in English, as far as only this one does.
    """
    from bot.messaging import text_corrections

    runtime = _open_runtime()
    try:
        correction = text_corrections.prepare_correction(runtime, language, start, now())
    except text_corrections.TextCorrectionError as error:
        raise click.ClickException(str(error)) from None
    click.echo(correction.body)
    if not send:
        click.echo(
            f"{len(correction.contact_ids)} families were sent another wording. Add --send to send this.", err=True
        )
        return
    click.echo(
        f"{text_corrections.send_correction(runtime, correction)} families get this now, or in the morning.", err=True
    )


@main.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", default="command line", help="Who writes it: an id under 'staff' in the district file.")
@click.option("--presets", is_flag=True, help="Instead: write the ready-made pair for every school that lacks it.")
def announce(file: Path | None, by: str, presets: bool) -> None:
    """Keep the announcement of FILE (YAML, docs/announcements.md) as a draft, and have it translated.

    It leaves only after its translations were looked at and somebody else has approved it in the console.  Writes its
    number and where it stands.
    """
    from bot.announcements import composition, preview, templates, translation_drafts
    from bot.announcements.yaml_file import read_announcement

    if presets == (file is not None):
        raise click.UsageError("name a FILE, or say --presets")
    runtime = _open_runtime()
    if file is None:
        created = templates.create_missing(runtime, by)
        click.echo(json.dumps({"made": created, "url": f"{runtime.settings.public_base}/console/schools"}))
        return
    try:
        draft = composition.build_draft(runtime.library.district, read_announcement(file), now())
        announcement = composition.save_draft(runtime, draft, by)
    except SourceError as bad:
        raise click.ClickException("\n".join(str(problem) for problem in bad.problems)) from None
    except composition.InvalidAnnouncementError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    translation_drafts.request_drafts(runtime, announcement)
    click.echo(
        json.dumps(
            {"id": announcement.id, "url": f"{runtime.settings.public_base}/console/announcements/{announcement.id}"}
        )
    )
    for line in preview.describe_preview(preview.build_preview(runtime, announcement)):
        click.echo(line, err=True)


@main.group()
def roster() -> None:
    """Families from the district's own files."""


roster.add_command(import_command)
main.add_command(poster)
main.add_command(handout)
main.add_command(voices)
main.add_command(keys)


@main.command()
def doctor() -> None:
    """Say what is configured, reachable, missing or wrong, and what to do; exit 1 if anything is wrong."""
    from bot.monitoring.doctor import examine
    from bot.runtime import open_runtime
    from bot.web.operations.health import find_missing_parts

    runtime = open_runtime(_load_settings())
    findings = list(examine(runtime, find_missing_parts(runtime)))
    click.echo(f"messages go to {'Twilio' if runtime.settings.is_live else 'the simulator'}")
    click.echo(f"webhooks are signed for {runtime.settings.public_base}")
    for finding in findings:
        click.echo(f"{finding.part}: {finding.observation}" + (f"\n    {finding.remedy}" if finding.remedy else ""))
    sys.exit(0 if all(finding.is_well for finding in findings) else 1)


@main.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def restored(by: str) -> None:
    """After a restore, before web and workers start: erase again whom the backup has brought back, hold what waits for
    families, since it may have left already, and empty Redis, which is newer than the backup."""
    from bot.messaging import erasure
    from bot.retention import after_restore
    from bot.store.lifecycle import erasure_list

    runtime = _open_runtime()
    click.echo(f"families erased again: {erasure.erase_restored_families(runtime, by)}")
    held_items = after_restore.hold_family_messages(runtime, by)
    erasure_list.flush_everything_else(runtime.redis)
    click.echo(
        f"texts to families held: {held_items.texts}; follow-ups dropped: {held_items.follow_ups};"
        f" reminders: {held_items.reminders}"
    )
    for announcement_id in held_items.paused:
        click.echo(
            f"announcement {announcement_id} is paused: resume it in the console only if it had not gone on,"
            " else stop it"
        )
    for announcement_id in held_items.scheduled:
        click.echo(f"announcement {announcement_id} leaves at its hour: stop it in the console if it has left already")


@main.command()
@click.argument("address", required=False)
@click.option("--again", is_flag=True, help="Whoever was erased before and a restored backup has brought back.")
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
@click.confirmation_option(prompt="Erase for good, with all cases?")
def erase(address: str | None, again: bool, by: str) -> None:
    """Erase the family with the number or address ADDRESS (217-555-0123, +1217…, whatsapp:US.…), by whichever channel
    it writes; its STOP stays.  With - the number is asked for, and stands in no shell's history."""
    from bot.base.phone_numbers import parse_e164
    from bot.messaging import erasure

    if again == bool(address):
        raise click.UsageError("Give a number or address, or --again.")
    runtime = _open_runtime()
    address = click.prompt("Number or address", err=True) if address == "-" else address
    if again or address is None:
        click.echo(f"Erased again: {erasure.erase_restored_families(runtime, by)}")
        return
    number = None if ":" in address else parse_e164(address)
    if not erasure.erase_by_address(runtime, number or address, by):
        raise click.ClickException("Nobody is known by this number or address.")
    click.echo("Erased.")


@main.command()
@click.option("--by", default="command line", help="Who does it: an id under 'staff' in the district file.")
def retain(by: str) -> None:
    """Delete what is past its time, now (the scheduler does so daily); a line for each rule that found something."""
    from bot.retention import job

    counts = job.delete_expired(_open_runtime(), by)
    for name, count in counts.items():
        click.echo(f"{name}: {count}")
    if not counts:
        click.echo("Nothing is past its time.")


@main.command()
@click.argument("name")
@click.option("--role", help="What NAME may; an administrator, if the login is new and this is left out.")
@click.option("--staff", help="Who this is under 'staff' in the district file.")
def login(name: str, role: str | None, staff: str | None) -> None:
    """Make a login for the console, or give NAME a new password; it is shown this once.

    A second factor is taken away and a lock opened: the way back in for who lost the phone.
    """
    from bot.web.console.oversight.accounts_page import find_account_problem
    from bot.web.console.registration import issue_password

    runtime = _open_runtime()
    if problem := find_account_problem(runtime, name, role, staff):
        raise click.ClickException(problem)
    click.echo(issue_password(runtime, name, role, staff))


def _show_segments() -> None:
    from bot.content.catalog_stats import list_long_texts, render_stats_table

    languages = _load_library().district.languages
    click.echo(render_stats_table(settings.ROOT, languages))
    for line in list_long_texts(settings.ROOT, languages):
        click.echo(line)


def _parse_route_line(line: str) -> dict[str, Any]:
    """A line of `route`: a JSON object where it begins with a brace, else the text itself."""
    text = line.rstrip("\n")
    if not text.startswith("{"):
        return {"text": text}
    try:
        request = json.loads(text)
    except ValueError:
        return {"text": text}
    is_request = isinstance(request, dict) and isinstance(request.get("text"), str)
    return request if is_request else {"text": text}


def _open_runtime() -> Runtime:
    """For a command that reads or changes what is stored: not with a `DATA_KEY` that does not fit it."""
    try:
        return open_runtime_for_writing(_load_settings())
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None


def _load_settings() -> settings.Settings:
    """The environment's settings; in development with the Redis of a line that runs beside this command."""
    from bot.dev_server.redis_server import find_running_url

    try:
        process_settings = settings.load_settings()
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None
    running_redis_url = (
        find_running_url(process_settings.var_dir / "redis")
        if process_settings.redis_url == settings.DEVELOPMENT_REDIS_URL
        else None
    )
    return (
        process_settings.model_copy(update={"redis_url": running_redis_url}) if running_redis_url else process_settings
    )


def _load_library() -> Library:
    try:
        return load_library(settings.ROOT, _load_settings().district_file)
    except SourceError as bad:
        raise click.ClickException(str(bad)) from None
