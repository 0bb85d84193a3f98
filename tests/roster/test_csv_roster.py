"""Plain CSV: columns, cells, bad lines, encodings, and what stays unchanged."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.messaging.contact_policy import find_delivery_route
from bot.roster import UnusableFileError, importer
from bot.store.families import contacts, families
from tests.roster.conftest import Roster

ANA, JEAN = "+12175550123", "+12175550145"


def test_two_children_at_two_schools_are_one_family(roster: Roster) -> None:
    report = roster.read(
        "Parent phone,School,Home language\n217-555-0123,Lincoln Elementary,Spanish\n(217) 555-0123,harbor,Spanish\n"
    )
    assert (report.new, report.joined, report.bad) == (1, 2, 0)
    assert roster.schools(ANA) == ["harbor", "lincoln"]
    contact = roster.contact(ANA)
    assert contact and (contact.channel, contact.language) == ("sms", "es")


def test_identical_import_changes_nothing_and_says_so(roster: Roster) -> None:
    text = (
        "phone,school,language,role,tags,consent\n217-555-0123,lincoln,es,leader,bus 4,yes\n2175550145,harbor,ht,,,no\n"
    )
    roster.read(text)
    before = roster.dump()
    report = roster.read(text)
    assert (report.new, report.changed, report.unchanged) == (0, 0, 2)
    assert "Nothing changed" in str(report)
    assert roster.dump() == before


@pytest.mark.parametrize(
    "header",
    [
        "phone,school,language",
        "Telephone,Building,Lang",
        "Parent1 Cell,SCHOOL NAME,Preferred Language",
        "parentMobile,schoolName,homeLanguage",
        "teléfono,escuela,idioma",
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_headers_and_delimiters_are_recognized(roster: Roster, header: str, delimiter: str) -> None:
    roster.read(f"{header}\n217-555-0123,lincoln,es\n".replace(",", delimiter))
    contact = roster.contact(ANA)
    assert contact and contact.language == "es"
    assert roster.schools(ANA) == ["lincoln"]


def test_right_columns_are_chosen_among_many(roster: Roster) -> None:
    roster.read(
        "Student name,School phone,Student cell,English Learner status,Work phone,Home phone,Cell,School,Next school year,"
        "Home language,Correspondence language\n"
        "X,217-555-0101,217-555-0102,EL,217-555-0103,217-555-0104,217-555-0123,lincoln,harbor,es,pt\n"
        "Y,217-555-0101,217-555-0102,EL,217-555-0103,217-555-0145,,lincoln,harbor,es,pt\n"
    )
    assert roster.numbers() == {ANA, JEAN}
    contact = roster.contact(ANA)
    assert contact and contact.language == "pt"
    assert roster.schools(ANA) == ["lincoln"]


@pytest.mark.parametrize(
    "cell",
    [
        "217-555-0123 / 217 555 0145",
        "217-555-0123; (217)555-0145",
        "2175550123 or 2175550145",
        "217.555.0123,2175550145",
    ],
)
def test_several_numbers_in_a_cell_are_several_families(roster: Roster, cell: str) -> None:
    roster.read(f'phone,school\n"{cell}",lincoln\n')
    assert roster.numbers() == {ANA, JEAN}


@pytest.mark.parametrize(
    "cell",
    ["217-555-0123", "+1 217 555 0123", "1 (217) 555.0123", "217/555/0123", "217-555-0123 (mom)", "Maria 2175550123"],
)
def test_number_formats_are_read(roster: Roster, cell: str) -> None:
    roster.read(f"phone\n{cell}\n")
    assert roster.numbers() == {ANA}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("555-0187,lincoln,", "too few digits: write it with its area code"),
        ("217-555-01877,lincoln,", "too many digits"),
        ("999-555-0187,lincoln,", "phone number cannot exist"),
        ("800-555-0187,lincoln,", "toll-free"),
        ("2.17555E+09,lincoln,", "a spreadsheet shortened"),
        ("Zebulon,lincoln,", "the phone column has no phone number"),
        ("217-555-0187 ext 4,lincoln,", "extension"),
        (",lincoln,", "the line has no phone number"),
        ("217-555-0187,Lincoln Elmentary,", "nearest: “Lincoln Elementary”"),
        ("217-555-0187,Zebulon,", "the school is not in the district file"),
        ("217-555-0187,lincoln,zebulon", "the role is unknown"),
        ("217-555-0187,lincoln,parent,Zebulon", "more cells than columns"),
        ("217-555-0187 / 555-0187,lincoln,", "too few digits"),
    ],
)
def test_bad_line_is_reported_and_skipped(roster: Roster, line: str, what: str) -> None:
    report = roster.read(f"phone,school,role\n217-555-0123,lincoln,\n{line}\n217-555-0145,lincoln,\n")
    assert (report.used, report.bad, report.new) == (2, 1, 2)
    (said,) = roster.bad
    assert said.startswith("roster0.csv, line 3: ") and what in said
    assert "0187" not in said and "Zebulon" not in said
    assert roster.numbers() == {ANA, JEAN}


@pytest.mark.parametrize(
    "cell", ["lincoln", "LINCOLN", "Lincoln Elementary", "lincoln elem", "Lincoln Elementary School", "Linc"]
)
def test_school_formats_are_read(roster: Roster, cell: str) -> None:
    roster.read(f"phone,school\n217-555-0123,{cell}\n")
    assert roster.schools(ANA) == ["lincoln"]


def test_several_schools_in_a_cell_are_read(roster: Roster) -> None:
    roster.read("phone,school\n217-555-0123,Lincoln / Harbor\n")
    assert roster.schools(ANA) == ["harbor", "lincoln"]


def test_default_school_applies_to_lines_without_one(roster: Roster) -> None:
    roster.read("phone\n217-555-0123\n", school="Harbor")
    assert roster.schools(ANA) == ["harbor"]
    with pytest.raises(UnusableFileError):
        roster.read("phone\n217-555-0123\n", school="nowhere")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_detected(roster: Roster, codec: str) -> None:
    roster.read("teléfono,idioma\n217-555-0123,español\n".encode(codec))
    contact = roster.contact(ANA)
    assert contact and contact.language == "es"
    assert any("not UTF-8" in said for said in roster.said) == (codec == "cp1252")


def test_line_numbers_count_quoted_line_breaks(roster: Roster) -> None:
    roster.read('note,phone\r\n"one\r\ntwo",217-555-0123\r\n\r\n,1\r\n')
    assert roster.numbers() == {ANA}
    assert roster.bad[0].startswith("roster0.csv, line 5: ")


def test_unclosed_quotation_mark_is_reported(roster: Roster) -> None:
    rest = "".join(f"x,217-555-{number:04}\n" for number in range(150, 190))
    report = roster.read(f'note,phone\n"open,217-555-0123\n{rest}')
    assert report.bad == 1 and "quotation mark" in roster.bad[0] and "lines 2 to" in roster.bad[0]


def test_endless_line_does_not_fill_memory(roster: Roster) -> None:
    report = roster.read("phone,school\n" + "9" * 1_000_000 + "\n217-555-0123,lincoln\n")
    assert report.bad == 1 and "too long" in roster.bad[0]
    assert roster.numbers() == {ANA}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"name,school\nx,lincoln\n", "no column for phone numbers"),
        (b"217-555-0123,lincoln\n217-555-0145,lincoln\n", "no column for phone numbers"),
        (b"\x7fELF\0\0\0", "not a text file"),
    ],
)
def test_invalid_roster_file_imports_nothing(roster: Roster, content: bytes, why: str) -> None:
    with pytest.raises(UnusableFileError) as refused:
        roster.read("phone\n217-555-0123\n", content)
    assert why in str(refused.value) and "217" not in str(refused.value)
    assert roster.numbers() == set()


@pytest.mark.parametrize(
    "column", ["phone", "school", "language", "role", "channel", "tags", "consent", "consent date"]
)
@pytest.mark.timeout(20)
def test_cell_of_a_hundred_thousand_spaces_is_fast(roster: Roster, column: str) -> None:
    long = "1" + " " * 100_000 + "1"
    roster.read(f"mobile,{column}\n217-555-0123,{long}\n")
    assert len(roster.findings) == 1 or column == "phone"


def test_unknown_language_is_a_warning(roster: Roster) -> None:
    report = roster.read("phone,language\n217-555-0123,Klingon\n217-555-0145,K'iche'\n")
    assert (report.used, report.warnings, report.bad) == (2, 2, 0)
    contact = roster.contact(ANA)
    assert contact and contact.language is None
    assert "Klingon" not in roster.warnings[0] and "gets English" in roster.warnings[0]


def test_language_chosen_by_family_is_kept(roster: Roster) -> None:
    database = roster.runtime.database
    with database.write() as db:
        contact = contacts.add(db, f"whatsapp:{ANA}", "whatsapp", datetime.now(UTC))
        contacts.set_language(db, contact.id, "pt")
    roster.read("phone,language,school\n217-555-0123,Spanish,lincoln\n")
    kept = roster.contact(f"whatsapp:{ANA}")
    assert kept and kept.language == "pt"
    assert roster.contact(ANA) is None, "it can be reached already"
    assert roster.schools(ANA) == ["lincoln"]


def test_family_without_choice_gets_the_roster_language(roster: Roster) -> None:
    roster.read("phone\n217-555-0123\n")
    report = roster.read("phone,language\n217-555-0123,Spanish\n")
    contact = roster.contact(ANA)
    assert contact and contact.language == "es" and report.changed == 1


def test_channels_are_read(roster: Roster) -> None:
    roster.read("phone,channel\n217-555-0123,WhatsApp\n217-555-0145,pigeon\n")
    assert roster.contact(f"whatsapp:{ANA}") and not roster.contact(ANA)
    assert roster.contact(JEAN) and "channel" in roster.warnings[0]
    roster.read("phone,channel\n217-555-0123,\n")
    assert roster.contact(ANA) is None
    roster.read("phone,channel\n217-555-0123,sms\n")
    assert roster.contact(ANA)


@pytest.mark.parametrize("cell", ["voice", "Phone call", "llamadas"])
def test_nonreading_family_gets_calls(roster: Roster, cell: str) -> None:
    report = roster.read(f"phone,channel,language\n217-555-0123,{cell},Spanish\n")
    contact = roster.contact(f"voice:{ANA}")
    assert contact and (contact.channel, contact.language) == ("voice", "es") and report.new == 1
    assert roster.contact(ANA) is None and roster.family(ANA).consent_at and not roster.warnings
    assert find_delivery_route(roster.runtime, contact).transport == "call"
    assert roster.read(f"phone,channel,language\n217-555-0123,{cell},Spanish\n").has_no_changes


def test_language_without_voice_gets_texts_instead_of_calls(roster: Roster) -> None:
    roster.read("phone,channel,language\n217-555-0123,voice,Somali\n")
    contact = roster.contact(f"voice:{ANA}")
    assert contact and find_delivery_route(roster.runtime, contact).transport == "text"


def test_both_channels_in_one_file_are_kept(roster: Roster) -> None:
    report = roster.read("phone,channel\n217-555-0123,whatsapp\n217-555-0123,sms\n")
    assert roster.contact(ANA) and roster.contact(f"whatsapp:{ANA}") and report.new == 1


def test_roles_and_tags_are_read(roster: Roster) -> None:
    roster.read("phone,role,tags\n217-555-0123,Community leader,Bus 4; soccer\n217-555-0145,Mother,\n")
    assert (roster.family(ANA).role, roster.family(JEAN).role) == ("leader", "family")
    with roster.runtime.database.read() as db:
        assert families.list_tags(db) == ["bus 4", "soccer"]
    roster.read("phone,role\n217-555-0123,parent\n")
    assert roster.family(ANA).role == "leader", "a leader stays one"


def test_staff_are_imported_on_request_and_students_never(roster: Roster) -> None:
    text = "phone,role\n217-555-0123,teacher\n217-555-0145,student\n"
    report = roster.read(text)
    assert (report.used, report.left_out, roster.numbers()) == (0, 2, set())
    roster.read(text, staff=True)
    assert roster.numbers() == {ANA} and roster.family(ANA).role == "staff"
    roster.read("phone,role\n217-555-0123,parent\n")
    assert roster.family(ANA).role == "family", "a teacher who is a parent"


def test_whole_roster_removes_families_not_listed(roster: Roster) -> None:
    roster.read("phone,school\n217-555-0123,lincoln\n217-555-0123,harbor\n217-555-0145,lincoln\n")
    again = "phone,school\n217-555-0145,lincoln\n"
    assert roster.read(again).left == 0
    assert roster.read(again, whole=True, dry_run=True).left == 1
    assert roster.schools(ANA) == ["harbor", "lincoln"]
    assert roster.read(again, whole=True).left == 1
    assert roster.schools(ANA) == ["harbor"], "the file says nothing of Harbor"
    assert roster.schools(JEAN) == ["lincoln"]


def test_broken_file_is_not_accepted_as_a_whole_roster(roster: Roster) -> None:
    roster.read("phone,school\n217-555-0123,lincoln\n")
    report = roster.read("phone,school\n217-555-0145,lincoln\n1,lincoln\n", whole=True)
    assert report.left == 0 and "too many lines are bad" in str(report)
    assert roster.schools(ANA) == ["lincoln"]


@pytest.mark.parametrize("at_once", [1, 250])
def test_dry_run_changes_nothing_and_counts_the_same(
    roster: Roster, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(importer, "LINE_BATCH_SIZE", at_once)
    text = "phone,school\n217-555-0123,lincoln\n217-555-0123,harbor\n217-555-0145,lincoln\n217-555-0145,lincoln\n"
    before = roster.dump()
    trial = roster.read(text, dry_run=True)
    assert roster.dump() == before
    real = roster.read(text)
    counts = ("new", "changed", "unchanged", "joined", "left", "used", "lines")
    assert [getattr(trial, name) for name in counts] == [getattr(real, name) for name in counts] and real.new == 2


LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            ["217-555-0123,lincoln,es,yes", '"217-555-0145,harbor', "217-555-0123,,,no,", "\0,x", '"a""b",,,']
        ),
    ),
    max_size=12,
)


@pytest.mark.long
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    header=st.one_of(st.just("phone,school,language,consent"), st.text(max_size=40)),
    lines=LINES,
    raw=st.binary(max_size=20),
)
def test_any_file_imports_fully_or_not_at_all(roster: Roster, header: str, lines: list[str], raw: bytes) -> None:
    content = "\n".join([header, *lines]).encode("utf-8", "surrogatepass") + raw
    before = roster.dump()
    try:
        report = roster.read(content)
    except UnusableFileError:
        assert roster.dump() == before
        return
    assert report.lines == report.used + report.bad + report.left_out
    kept = roster.dump()
    families_kept = {row[0] for row in kept["families"]}
    assert {row[-1] for row in kept["contacts"]} == families_kept, "each family has an address"
    assert roster.read(content).has_no_changes
    assert roster.dump() == kept
