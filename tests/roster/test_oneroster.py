"""OneRoster 1.1 and 1.2: who is a guardian, of which schools, and who is skipped."""

import io
import zipfile
from pathlib import Path

import pytest

from bot.roster import UnusableFileError, spreadsheet_reader
from tests.databases import kept_on_disk
from tests.roster.conftest import Roster

ANA, JEAN, TEACHER, CHILD = "+12175550123", "+12175550145", "+12175550187", "+12175550199"

ORGS = """sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
o1,active,2026-08-01,Lincoln Elementary,school,101,d1
o2,active,2026-08-01,Site two,school,harbor,d1
o9,active,2026-08-01,Zebulon Academy,school,109,d1
d1,active,2026-08-01,Riverbend Public Schools,district,1,
"""
USERS_11 = """sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,metadata.homeLanguage
s1,active,2026-08-01,true,o1,student,s1,,Kid,Planted,,,,217-555-0199,,g1,03,,
s2,active,2026-08-01,true,o2,student,s2,,Kid,Planted,,,,,217-555-0199,,06,,
g1,active,2026-08-01,true,,guardian,g1,,Ana,Planted,,,,217-555-0123,217-555-0101,"s2",,,spa
g2,active,2026-08-01,true,"o2,o9",parent,g2,,Jean,Planted,,,,,217-555-0145,,,,hat
t1,active,2026-08-01,true,o1,teacher,t1,,Ms,Planted,,,,217-555-0187,,,,,
"""
USERS_12 = """sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns,metadata.preferredLanguage
s1,active,2026-08-01,true,s1,,Kid,Planted,,,,217-555-0199,,"g1,g3",03,,,,,,,o1,,
s2,active,2026-08-01,true,s2,,Kid,Planted,,,,,217-555-0199,,06,,,,,,,o2,,
g1,active,2026-08-01,true,g1,,Ana,Planted,,,,217-555-0123,,s2,,,,,,,,,,Spanish
g2,active,2026-08-01,,g2,,Jean,Planted,,,,,217-555-0145,,,,,,,,,,,ht
g3,active,2026-08-01,true,g3,,Old,Planted,,,,,217-555-0190,,,,,,,,,,,
t1,active,2026-08-01,true,t1,,Ms,Planted,,,,217-555-0187,,,,,,,,,,,,
"""
ROLES_12 = """sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
r1,active,2026-08-01,s1,primary,student,,,o1,
r2,active,2026-08-01,s2,primary,student,,,o2,
r3,active,2026-08-01,g1,primary,guardian,,,d1,
r4,active,2026-08-01,g2,primary,parent,,2027-06-30,o2,
r5,active,2026-08-01,g3,primary,guardian,,2025-06-30,o1,
r6,active,2026-08-01,t1,primary,teacher,,,o1,
"""


def build_zip(*members: tuple[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return held.getvalue()


MEMBERS_11 = (("orgs.csv", ORGS), ("users.csv", USERS_11))
MEMBERS_12 = (("orgs.csv", ORGS), ("users.csv", USERS_12), ("roles.csv", ROLES_12))


def expect_guardians(roster: Roster) -> None:
    """Both versions are equivalent: a guardian by both sides of the link, and one by its own organization."""
    assert roster.numbers() == {ANA, JEAN}, "no student's number, no teacher's, nobody former"
    assert roster.schools(ANA) == ["harbor", "lincoln"]
    assert roster.schools(JEAN) == ["harbor"]
    found = [roster.contact(one) for one in (ANA, JEAN)]
    assert [one.language for one in found if one] == ["es", "ht"]


@pytest.mark.parametrize("members", [MEMBERS_11, MEMBERS_12], ids=["1.1", "1.2"])
@pytest.mark.parametrize("order", [1, -1])
def test_files_are_recognized_by_their_headers(
    roster: Roster, members: tuple[tuple[str, str], ...], order: int
) -> None:
    report = roster.read(*[content for _, content in members][::order])
    expect_guardians(roster)
    assert report.new == 2 and report.bad == 0
    (warning,) = roster.warnings
    assert ", line 4: this organization is not a school" in warning and "Zebulon" not in warning


@pytest.mark.parametrize("members", [MEMBERS_11, MEMBERS_12], ids=["1.1", "1.2"])
def test_zip_is_read(roster: Roster, members: tuple[tuple[str, str], ...]) -> None:
    extra = (("manifest.csv", "propertyName,value\nmanifest.version,1.0\n"), ("courses.csv", "sourcedId,title\nc,x\n"))
    given = build_zip(*members, *extra, ("__notes.txt", "x"))
    roster.read(given)
    expect_guardians(roster)
    before = roster.dump()
    assert roster.read(given).has_no_changes
    assert roster.dump() == before


def test_staff_are_imported_on_request(roster: Roster) -> None:
    roster.read(ORGS, USERS_11, staff=True)
    assert roster.numbers() == {ANA, JEAN, TEACHER}
    assert roster.family(TEACHER).role == "staff" and roster.schools(TEACHER) == ["lincoln"]


@pytest.mark.parametrize(
    ("row", "gone"),
    [
        ("g1,active,2026-08-01,true", "g1,tobedeleted,2026-09-01,true"),
        ("g1,active,2026-08-01,true", "g1,active,2026-09-01,false"),
    ],
)
def test_inactive_guardian_loses_schools(roster: Roster, row: str, gone: str) -> None:
    roster.read(ORGS, USERS_11)
    report = roster.read(ORGS, USERS_11.replace(row, gone))
    assert (roster.schools(ANA), report.left, report.changed) == ([], 2, 1)
    assert roster.schools(JEAN) == ["harbor"]
    assert roster.read(ORGS, USERS_11.replace(row, gone)).has_no_changes


def test_number_still_used_by_another_guardian_keeps_schools(roster: Roster) -> None:
    """The father is marked as inactive; the mother has the same phone."""
    father = "g0,tobedeleted,2026-08-01,true,o1,guardian,g0,,X,Planted,,,,217-555-0123,,,,,\n"
    head, *lines = USERS_11.splitlines(keepends=True)
    for users in (head + father + "".join(lines), USERS_11 + father):
        roster.read(ORGS, users)
        assert roster.schools(ANA) == ["harbor", "lincoln"]
        assert roster.read(ORGS, users).has_no_changes
        assert roster.read(ORGS, users, dry_run=True).left == 0


def test_withdrawn_role_in_version_12_loses_schools(roster: Roster) -> None:
    roster.read(ORGS, USERS_12, ROLES_12)
    report = roster.read(ORGS, USERS_12, ROLES_12.replace("r4,active", "r4,tobedeleted"))
    assert roster.schools(JEAN) == [] and report.left == 1


def test_inactive_student_gives_no_school(roster: Roster) -> None:
    roster.read(ORGS, USERS_11.replace("s2,active", "s2,tobedeleted"))
    assert roster.schools(ANA) == ["lincoln"]


def test_bad_numbers_are_reported_and_empty_ones_skipped(roster: Roster) -> None:
    users = USERS_11.replace("217-555-0145", "").replace("217-555-0123", "12")
    report = roster.read(ORGS, users)
    assert report.bad == 2 and roster.bad == [
        "roster1.csv, line 4: the phone number has too few digits: write it with its area code",
        "roster1.csv, line 5: the columns sms and phone have no number: add one",
    ]


@pytest.mark.parametrize(
    ("files", "why"),
    [((USERS_12,), "roles.csv"), ((ORGS,), "OneRoster files without users.csv"), ((USERS_12, ORGS), "roles.csv")],
)
def test_missing_file_is_named(roster: Roster, files: tuple[str, ...], why: str) -> None:
    with pytest.raises(UnusableFileError, match=why):
        roster.read(*files)


def test_unknown_organizations_are_reported_once(roster: Roster) -> None:
    roster.read(USERS_11.replace("o2", "harbor"))
    assert roster.schools(JEAN) == ["harbor"], "an id of the district file"
    assert [one for one in roster.warnings if "organizations" in one] == [
        "roster0.csv: 2 organizations are not in orgs.csv: families get no school from them (warning)"
    ]


def test_zip_bomb_is_refused(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet_reader, "RATIO_CHECK_MIN_BYTES", 1 << 20)
    with pytest.raises(UnusableFileError, match="unpacks to"):
        roster.read(build_zip(*MEMBERS_11, ("big.csv", "phone\n" + "\n" * (2 << 20))))
    assert roster.numbers() == set()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (build_zip(("sheet.xml", "x")), "has no CSV file"),
        (build_zip(*((f"{at}.csv", "phone\n") for at in range(201))), "more than 200 files"),
        (build_zip(*MEMBERS_11).replace(b"guardian", b"guardiam"), "damaged"),
    ],
)
def test_invalid_zip_is_refused(roster: Roster, content: bytes, why: str) -> None:
    if why == "damaged":
        at = content.index(b"users.csv") + 40
        content = content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
    with pytest.raises(UnusableFileError, match=why):
        roster.read(content)


def test_file_name_in_zip_cannot_control_the_terminal(roster: Roster) -> None:
    roster.read(build_zip(("\x1b[31m.csv", "phone\n1\n")))
    assert "\x1b" not in roster.bad[0]


def test_no_name_or_number_is_left_on_disk(roster: Roster, tmp_path: Path) -> None:
    roster.read(build_zip(*MEMBERS_12))
    plain = "Parent name,phone,school,consent,tags\nAna Planted,217-555-0150,lincoln,signed form,bus 4\n"
    roster.read(plain)
    kept = kept_on_disk(roster.runtime.database, tmp_path).lower()
    assert b"signed form" in kept and b"lincoln" in kept, "it is the right file"
    for planted in ("planted", "5550123", "5550145", "555-0123", "5550150", "5550199", "g1@", "s1,"):
        assert planted.encode() not in kept, planted
