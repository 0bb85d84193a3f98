"""Define the commands of `python -m bot`. Data goes to standard output, and notes go to standard error."""

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
from bot.nlu.details import extract_details
from bot.nlu_training.dataset import find_training_problems
from bot.retention.key_rotation import keys
from bot.roster.import_command import import_command
from bot.runtime import Runtime, open_runtime_for_writing
from bot.speech import spoken_wording
from bot.voice import coverage
from bot.voice.voices_command import build_recorded_key_lookup, voices

NEW_COMMAND_NAMES = {"correct": "send-correction", "login": "create-account", "restored": "after-restore"}
"""Commands that release 0.1.0 named differently. Remove the old names in release 0.3.0."""


class CommandGroup(click.Group):
    """The commands, which also answer to their names of release 0.1.0."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with this name or with this earlier name."""
        return super().get_command(ctx, NEW_COMMAND_NAMES.get(cmd_name, cmd_name))


@click.group(cls=CommandGroup)
def main() -> None:
    """Puente: text messages between a school district and its families."""


@main.command()
@click.option("--from", "address", default="whatsapp:+12175550199", help="The address of the phone.")
def chat(address: str) -> None:
    """Use a phone in the terminal. Nothing else has to run, and nothing is stored."""
    from bot.cli.chat import run_chat  # the import loads the settings, a database, and a server

    run_chat(address)


@main.command()
@click.option("--why", is_flag=True, help="Add the words and weights that decided, and the other matches.")
def route(why: bool) -> None:
    """Classify texts from standard input, one per line.

    A line is a text, or a JSON object with "text" and "lang". Write one JSON object per line.
    """
    library = _load_library()
    languages = library.district.languages
    preload_language_model(library.understood_languages)
    for line in sys.stdin:
        request = _parse_route_line(line)
        context = NluContext(library.phrasebook, languages, request.get("lang"))
        text = NormalizedText(request["text"])
        understanding = classify_message(text, context)
        result = asdict(understanding)
        secondary_intents, suspected_intent = result.pop("secondary_intents"), result.pop("suspected_intent")
        output = {"text": request["text"], **result}
        if why:
            schools = {code: school.name for code, school in library.district.schools.items()}
            details = extract_details(text, understanding.lang or "en", library.phrasebook, schools, now().date())
            output |= {
                "also": secondary_intents,
                "suspected": suspected_intent,
                "details": {name: value for name, value in asdict(details).items() if value},
                "why": explain_understanding(text, understanding, context),
            }
        click.echo(json.dumps(output, ensure_ascii=False, default=str))


@main.command()
@click.option("--production", is_flag=True, help="Treat warnings as errors.")
@click.option("--segments", is_flag=True, help="Show the SMS cost of the texts of each language, and the long texts.")
def check(production: bool, segments: bool) -> None:
    """Check flows, catalogs, facts, and the district file.

    Print one line per finding. Exit with 1 on errors.
    """
    if segments:
        _show_segments()
        return
    process_settings = _load_settings()
    try:
        library = load_library(settings.ROOT, process_settings.district_file, process_settings.encoder)
    except SourceError as error:
        for problem in error.problems:
            click.echo(str(problem))
        sys.exit(1)
    errors, warnings = find_content_problems(settings.ROOT, library)
    warnings += spoken_wording.list_warnings(library)
    warnings += coverage.list_warnings(library, now(), build_recorded_key_lookup(process_settings))
    if encoder_problem := library.phrasebook.nlu_model.encoder_problem:
        errors.append(f"flows/encoder:1:1: {encoder_problem}")
    errors += find_training_problems(settings.ROOT / "flows", library.phrasebook.nlu_model)
    for line in (*errors, *(f"{warning} (warning)" for warning in warnings)):
        click.echo(line)
    click.echo(f"{len(errors)} errors, {len(warnings)} warnings", err=True)
    if errors or (production and warnings):
        sys.exit(1)


@main.command()
@click.argument("flow")
def graph(flow: str) -> None:
    """Draw FLOW as a Mermaid diagram, for example for GitHub or mermaid.live."""
    from bot.flows.mermaid import render_mermaid

    flows = _load_library().flows.flows
    if flow not in flows:
        raise click.ClickException(f"there is no flow '{flow}': choose one of {', '.join(sorted(flows))}")
    click.echo(render_mermaid(flows[flow]))


@main.command()
def schema() -> None:
    """Write the JSON Schema of flows (flows/flow.schema.json), with which editors complete and check flows/*.yaml."""
    from bot.flows.model import Flow

    click.echo(json.dumps(Flow.model_json_schema(by_alias=True), indent=2))


@main.command()
@click.argument("where", type=click.Path(exists=True, path_type=Path), default=settings.ROOT / "flows/tests")
@click.option(
    "--channel", type=click.Choice(["whatsapp", "sms", "voice"]), multiple=True, help="Default: all channels."
)
@click.option(
    "--uncovered",
    "--left",
    "uncovered",
    is_flag=True,
    help="List the steps and choices that no test conversation reaches.",
)
def test(where: Path, channel: tuple[Any, ...], uncovered: bool) -> None:
    """Play the test conversations in WHERE (default: flows/tests).

    Print one line per difference. Exit with 1 if there is one.
    """
    from bot.flow_tests.runner import play_all

    library = _load_library()
    try:
        report = play_all(library, where, channel or ("whatsapp", "sms", "voice"))
    except SourceError as error:
        raise click.ClickException(str(error)) from None
    for problem in report.problems:
        click.echo(str(problem))
    steps, choices = report.list_uncovered_steps(library), report.list_uncovered_choices(library)
    if uncovered:
        for path in (*steps, *choices):
            click.echo(f"not reached: {'.'.join(path)}")
        for flow, kind in report.list_uncovered_kinds(library):
            click.echo(f"flows/tests/{flow}.yaml: no test conversation with 'shows: {kind}'")
    summary = (
        f"{report.run_count} conversations in {len(report.visited_steps)} languages, {len(report.problems)} differences"
    )
    click.echo(f"{summary}; not reached: {len(steps)} steps, {len(choices)} choices", err=True)
    sys.exit(1 if report.problems else 0)


@main.command("send-correction")
@click.argument("language")
@click.argument("start")
@click.option("--send", is_flag=True, help="Send the correction. Without it, show the text and the number of families.")
def send_correction(language: str, start: str, send: bool) -> None:
    """Send a corrected text to all families that got the wrong one.

    First correct messages/LANGUAGE.po. START is the beginning of the English text, long enough to identify it.
    """
    from bot.messaging import text_corrections

    runtime = _open_runtime()
    try:
        correction = text_corrections.prepare_correction(runtime, language, start, now())
    except text_corrections.TextCorrectionError as error:
        raise click.ClickException(str(error)) from None
    click.echo(correction.body)
    if not send:
        count = len(correction.contact_ids)
        click.echo(f"{count} families got another text. Add --send to send this one.", err=True)
        return
    sent_count = text_corrections.send_correction(runtime, correction)
    click.echo(f"{sent_count} families get this now, or in the morning.", err=True)


@main.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", default="command line", help="The author: an ID under 'staff' in the district file.")
@click.option(
    "--templates",
    "--presets",
    "wants_templates",
    is_flag=True,
    help="Instead, create the missing announcement templates of every school.",
)
def announce(file: Path | None, by: str, wants_templates: bool) -> None:
    """Save the announcement in FILE (YAML, docs/announcements.md) as a draft, and request its translations.

    Puente sends it only after a person reviewed the translations and another person approved it in the console. Write
    its ID and URL.
    """
    from bot.announcements import composition, preview, templates, translation_drafts
    from bot.announcements.yaml_file import read_announcement

    if wants_templates == (file is not None):
        raise click.UsageError("add a FILE or --templates")
    runtime = _open_runtime()
    if file is None:
        created = templates.create_missing(runtime, by)
        click.echo(json.dumps({"made": created, "url": f"{runtime.settings.public_base}/console/schools"}))
        return
    try:
        draft = composition.build_draft(runtime.library.district, read_announcement(file), now())
        announcement = composition.save_draft(runtime, draft, by)
    except SourceError as error:
        raise click.ClickException("\n".join(str(problem) for problem in error.problems)) from None
    except composition.InvalidAnnouncementError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    translation_drafts.request_drafts(runtime, announcement)
    url = f"{runtime.settings.public_base}/console/announcements/{announcement.id}"
    click.echo(json.dumps({"id": announcement.id, "url": url}))
    for line in preview.describe_preview(preview.build_preview(runtime, announcement)):
        click.echo(line, err=True)


@main.group()
def roster() -> None:
    """Import families from the district's own files."""


roster.add_command(import_command)
main.add_command(poster)
main.add_command(handout)
main.add_command(voices)
main.add_command(keys)


@main.command()
def doctor() -> None:
    """Show what is configured, reachable, missing, or wrong, with remedies.

    Exit with 1 if anything is wrong.
    """
    from bot.monitoring.doctor import examine
    from bot.runtime import open_runtime
    from bot.web.operations.health import find_missing_parts

    runtime = open_runtime(_load_settings())
    findings = list(examine(runtime, find_missing_parts(runtime)))
    click.echo(f"messages go to {'Twilio' if runtime.settings.is_live else 'the simulator'}")
    click.echo(f"webhooks are signed for {runtime.settings.public_base}")
    for finding in findings:
        click.echo(f"{finding.part}: {finding.observation}")
        if finding.remedy:
            click.echo(f"    {finding.remedy}")
    if not all(finding.is_well for finding in findings):
        sys.exit(1)


@main.command("after-restore")
@click.option("--by", default="command line", help="Who runs this: an ID under 'staff' in the district file.")
def clean_up_after_restore(by: str) -> None:
    """Clean up after a restore, before you start the web processes and workers.

    Erase again the families that the backup restored. Hold waiting texts to families, since they may have been sent
    already. Empty Redis, which is newer than the backup.
    """
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
            f"announcement {announcement_id} is paused: if it continued after the backup, stop it in the console,"
            " otherwise resume it"
        )
    for announcement_id in held_items.scheduled:
        click.echo(f"announcement {announcement_id} is scheduled: if it was sent already, stop it in the console")


@main.command()
@click.argument("address", required=False)
@click.option("--again", is_flag=True, help="Erase again all erased families that a backup restored.")
@click.option("--by", default="command line", help="Who runs this: an ID under 'staff' in the district file.")
@click.confirmation_option(prompt="Erase permanently, with all cases?")
def erase(address: str | None, again: bool, by: str) -> None:
    """Erase the family with the number or address ADDRESS (217-555-0123, +1217…, whatsapp:US.…) on all channels.

    Its STOP remains. With - as ADDRESS, the command asks for the number, so that it is not in the shell's history.
    """
    from bot.base.phone_numbers import parse_e164
    from bot.messaging import erasure

    if again == bool(address):
        raise click.UsageError("Enter a number or address, or --again.")
    runtime = _open_runtime()
    if address == "-":
        address = click.prompt("Number or address", err=True)
    if again or address is None:
        click.echo(f"Erased again: {erasure.erase_restored_families(runtime, by)}")
        return
    number = None if ":" in address else parse_e164(address)
    if not erasure.erase_by_address(runtime, number or address, by):
        raise click.ClickException("No family has this number or address.")
    click.echo("Erased.")


@main.command()
@click.option("--by", default="command line", help="Who runs this: an ID under 'staff' in the district file.")
def retain(by: str) -> None:
    """Delete expired data now. The scheduler does so daily. Print one line per retention rule that deleted rows."""
    from bot.retention import job

    counts = job.delete_expired(_open_runtime(), by)
    for name, count in counts.items():
        click.echo(f"{name}: {count}")
    if not counts:
        click.echo("No data has expired.")


@main.command("create-account")
@click.argument("name")
@click.option("--role", help="The role of NAME. Default for a new account: administrator.")
@click.option("--staff", help="The ID of this person under 'staff' in the district file.")
def create_account(name: str, role: str | None, staff: str | None) -> None:
    """Create the console account NAME, or set a new password, which is shown only once.

    This also removes the second factor and unlocks the account, for staff who lost their phone.
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
    """Parse a line of `route`: a JSON object with a text, or the text itself."""
    text = line.rstrip("\n")
    if not text.startswith("{"):
        return {"text": text}
    try:
        request = json.loads(text)
    except ValueError:
        return {"text": text}
    if isinstance(request, dict) and isinstance(request.get("text"), str):
        return request
    return {"text": text}


def _open_runtime() -> Runtime:
    """Open the runtime for a command that uses stored data. Refuse a `DATA_KEY` that does not fit the database."""
    try:
        return open_runtime_for_writing(_load_settings())
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None


def _load_settings() -> settings.Settings:
    """Load the settings. In development, use the Redis server of a running `make run`."""
    from bot.dev_server.redis_server import find_running_url

    try:
        process_settings = settings.load_settings()
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from None
    if process_settings.redis_url != settings.DEVELOPMENT_REDIS_URL:
        return process_settings
    running_redis_url = find_running_url(process_settings.var_dir / "redis")
    if not running_redis_url:
        return process_settings
    return process_settings.model_copy(update={"redis_url": running_redis_url})


def _load_library() -> Library:
    try:
        process_settings = _load_settings()
        return load_library(settings.ROOT, process_settings.district_file, process_settings.encoder)
    except SourceError as error:
        raise click.ClickException(str(error)) from None
