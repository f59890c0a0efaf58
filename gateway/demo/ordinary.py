"""What a school district's mail is mostly made of: nothing that anybody need look at.

Teachers here lead no group and are nobody's parent in the district, guardians do not work in it, so no rule of
policy.md has anything to say, and every label is empty.
"""

from __future__ import annotations

from gateway.demo.district import DOMAIN, Job, Person
from gateway.demo.letter import Attachment, Message, Party
from gateway.demo.stage import Scenario, Stage

_HOMEWORK = (
    (
        "Homework for Thursday",
        "Read chapter 4 and answer questions 1 to 9. Odd ones count double, as always.",
    ),
    (
        "Quiz moved",
        "The quiz moves to next Tuesday. The study guide is on the class page since this morning.",
    ),
    ("Lab groups", "New groups are posted by the door. Closed shoes, please, and tie your hair back."),
    ("Extra help", "I am in my room until 3:15 on Mondays and Wednesdays. No question is too small."),
    (
        "Museum trip",
        "We leave at 8:20. Bring a bag lunch. The Worcester museum does not let us eat in the café.",
    ),
)
_FROM_HOME = (
    ("absent today", "{child} has a sore throat and stays home today. Please send the work along."),
    (
        "Question about grades",
        "we saw the grade for the last test and were surprised. Could {child} take it again?",
    ),
    (
        "Conference",
        "would next week after 4 work for a short talk about {child}? I work in Springfield until 3.",
    ),
    ("Thank you!", "{child} talks about your class at every dinner. Thank you for making it so alive."),
    ("New phone number", "please note our new number for {child}: 413-555-0142. The old one ends on Friday."),
)
_FROM_STUDENTS = (
    ("question", "hi, i didnt understand number 7 at all. is it ok if i hand it in tomorrow?"),
    ("Lost notebook", "Did I leave my blue notebook in your room? It has everything in it."),
    ("extension", "I was at my grandmother's and had no wifi. May I have until Monday for the essay?"),
    ("Rec letter", "Would you write a letter of recommendation for me? UMass wants it by December."),
)
_BETWEEN_STAFF = (
    ("Coverage 4th period", "Could you cover my 4th period on Friday? I owe you one (two, actually)."),
    ("Curriculum meeting", "Agenda for Wednesday: pacing, common finals, the textbook that nobody likes."),
    (
        "Projector in 214",
        "Still flickers. Is there a spare, or shall I go on with the overhead like it's 1994?",
    ),
    ("Recess duty", "Rain plan: gym for 1 and 2, cafeteria for 3 to 5. Bring the board games."),
    ("Schedule for MCAS", "Draft of the room plan. Please tell me about conflicts before Tuesday."),
)
_VENDORS = (
    ("Autumn catalog", "Sanderling Science Supply", "news@sanderling-supply.example"),
    ("Your quote Q-20417", "Bay State Paper & Toner", "quotes@baystate-toner.example"),
    ("Reading assessment webinar", "Lantern Learning", "hello@lantern-learning.example"),
    ("Yearbook proofs are ready", "Hometown Yearbooks", "proofs@hometown-yearbooks.example"),
    ("Invoice 88123", "Pioneer Bus Lines", "billing@pioneer-bus.example"),
)


def teacher_to_class(stage: Stage) -> list[Message]:
    teacher = next(stage.cast.teachers)
    course, pupils = stage.cast.course(teacher)
    subject, text = stage.rng.choice(_HOMEWORK)
    return [
        stage.send(
            teacher, pupils, f"{course.title}: {subject}", f"{text}\n\n{teacher.name}", html=_half(stage)
        )
    ]


def teacher_sends_worksheet(stage: Stage) -> list[Message]:
    """Attachments of some kilobytes to a few megabytes."""
    teacher = next(stage.cast.teachers)
    course, pupils = stage.cast.course(teacher)
    size = int(10 ** stage.rng.uniform(4.3, 6.4))
    text = f"The worksheet for tomorrow is attached.\n\n{teacher.name}"
    return [
        stage.send(
            teacher,
            pupils,
            f"{course.title}: worksheet",
            text,
            attachments=[stage.pdf("worksheet.pdf", size)],
        )
    ]


def guardian_and_teacher(stage: Stage) -> list[Message]:
    """A mail from home and the answer to it."""
    (guardian, child), teacher = next(stage.cast.guardians), next(stage.cast.teachers)
    subject, text = stage.rng.choice(_FROM_HOME)
    body = f"Dear {teacher.name},\n\n{text.format(child=child.given)}\n\nBest regards,\n{guardian.name}"
    asked = stage.send(guardian, [teacher], f"{child.given}: {subject}", body, html=_half(stage))
    answer = f"Thank you for letting me know. I will see to it.\n\n{teacher.name}\n\n> {text.format(child=child.given)}"
    return [asked, stage.send(teacher, [guardian], f"Re: {asked.subject}", answer, answers=asked)]


def student_and_teacher(stage: Stage) -> list[Message]:
    """A pupil asks, the teacher answers with a guardian in copy."""
    (guardian, child), teacher = next(stage.cast.guardians), next(stage.cast.teachers)
    subject, text = stage.rng.choice(_FROM_STUDENTS)
    asked = stage.send(child, [teacher], subject, text)
    answer = f"Yes, that is fine.\n\n{teacher.name}"
    return [asked, stage.send(teacher, [child], f"Re: {subject}", answer, cc=[guardian], answers=asked)]


def students_among_themselves(stage: Stage) -> list[Message]:
    first, second, third = (next(stage.cast.students) for _ in range(3))
    asked = stage.send(first, [second, third], "group project", "who does the slides? i can do the talking")
    answer = stage.send(
        second, [first, third], "Re: group project", "slides are done 🎉 look at page 3", answers=asked
    )
    return [asked, answer]


def staff_thread(stage: Stage) -> list[Message]:
    first, second = next(stage.cast.colleagues), next(stage.cast.colleagues)
    subject, text = stage.rng.choice(_BETWEEN_STAFF)
    asked = stage.send(first, [second], subject, f"{text}\n\n{first.given}", html=_half(stage))
    return [
        asked,
        stage.send(second, [first], f"Re: {subject}", f"Sure, will do.\n\n{second.given}", answers=asked),
    ]


def newsletter(stage: Stage) -> list[Message]:
    """A principal to many homes, in blind copy."""
    school = stage.rng.choice(stage.district.schools)
    principal = stage.district.principal(school.id)
    homes = dict.fromkeys(next(stage.cast.guardians)[0] for _ in range(stage.rng.randrange(25, 70)))
    text = f"""Dear families of {school.name},

picture day is on the 9th, the book fair runs all week, and the parent-teacher
organization looks for a treasurer. Buses run fifteen minutes late while the bridge
on Route 32 is closed.

Buongiorno, bom dia, buenos días, xin chào: translations are on our website.

{principal.name}, Principal"""
    return [
        stage.send(
            principal,
            [principal],
            f"News from {school.name}",
            text,
            bcc=list(homes),
            html=True,
            encoding="base64",
        )
    ]


def vendor(stage: Stage) -> list[Message]:
    subject, name, address = stage.rng.choice(_VENDORS)
    text = "Free shipping for schools until the end of the month. Purchase orders welcome.\n\nUnsubscribe at any time."
    headers = [
        ("List-Unsubscribe", f"<https://{address.partition('@')[2]}/unsubscribe>"),
        ("Precedence", "bulk"),
    ]
    reader = next(stage.cast.colleagues)
    bounces = f"bounce+{reader.id}@{address.partition('@')[2]}"
    return [
        stage.send(
            Party(name, address), [reader], subject, text, html=True, headers=headers, mail_from=bounces
        )
    ]


def bounce(stage: Stage) -> list[Message]:
    """A report of undeliverable mail: the null sender (RFC 5321 §4.5.5)."""
    colleague, (guardian, _) = next(stage.cast.colleagues), next(stage.cast.guardians)
    host = guardian.email.partition("@")[2]
    text = f"This is the mail system at {host}.\n\nYour message could not be delivered: mailbox full (552 5.2.2)."
    author = Party("Mail Delivery System", f"MAILER-DAEMON@{host}")
    headers = [("Auto-Submitted", "auto-replied")]
    return [
        stage.send(
            author, [colleague], "Undelivered Mail Returned to Sender", text, headers=headers, mail_from=""
        )
    ]


def out_of_office(stage: Stage) -> list[Message]:
    colleague, (guardian, _) = next(stage.cast.colleagues), next(stage.cast.guardians)
    text = (
        f"I am at a conference until Thursday. For anything urgent call the front office.\n\n{colleague.name}"
    )
    headers = [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")]
    return [stage.send(colleague, [guardian], "Automatic reply", text, headers=headers, mail_from="")]


def mailing_list(stage: Stage) -> list[Message]:
    """A post to a list of another organization's, handed on to a subscriber here."""
    post = Party("Dana Whitlock", "dwhitlock@hilltown-schools.example")
    members = Party("MA School Librarians", "librarians@lists.ma-libraries.example")
    text = "Does anybody have a spare copy of The Giver in Portuguese? We need three by Monday."
    headers = [
        ("List-Id", "<librarians.lists.ma-libraries.example>"),
        ("List-Post", f"<mailto:{members.address}>"),
    ]
    readers = [next(stage.cast.colleagues), next(stage.cast.colleagues)]
    return [
        stage.send(
            post, [members], "[librarians] The Giver", text, bcc=readers, headers=headers,
            mail_from="librarians-bounces@lists.ma-libraries.example",
        )
    ]  # fmt: skip


def staff_personal_use(stage: Stage) -> list[Message]:
    colleague = next(stage.cast.colleagues)
    friend = Party("Renata Kowalczyk", "renata@hill-and-hollow.example")
    return [
        stage.send(
            colleague, [friend], "Sunday", f"Potluck at ours, 5 pm. Bring the dog.\n\n{colleague.given}"
        )
    ]


def scanner(stage: Stage) -> list[Message]:
    """A copier that mails what it scanned, without a word."""
    copier = Party("", f"copier@{DOMAIN}")
    scan = stage.pdf(f"scan{stage.rng.randrange(10_000):04}.pdf", stage.rng.randrange(40_000, 1_500_000))
    return [
        stage.send(
            copier, [next(stage.cast.colleagues)], "Scanned from QVHS-2F-COPIER", "", attachments=[scan]
        )
    ]


def library_notice(stage: Stage) -> list[Message]:
    library, student = Party("School Library", f"library@{DOMAIN}"), next(stage.cast.students)
    text = "One item is overdue: “Their Eyes Were Watching God”. Please return it this week."
    return [
        stage.send(
            library,
            [student],
            "Overdue",
            text,
            encoding="8bit",
            headers=[("Auto-Submitted", "auto-generated")],
        )
    ]


def nurse_to_home(stage: Stage) -> list[Message]:
    nurse, (guardian, child) = next(stage.cast.counselors), next(stage.cast.guardians)
    text = f"{child.given} came by with a headache, rested for half an hour and went back to class.\n\n{nurse.name}"
    return [stage.send(nurse, [guardian], f"{child.given} today", text)]


def latin1_from_home(stage: Stage) -> list[Message]:
    """An old mail program: 8-bit text in ISO 8859-1, not UTF-8."""
    (guardian, child), teacher = next(stage.cast.guardians), next(stage.cast.teachers)
    text = f"Señora {teacher.family}: mañana {child.given} llega tarde, tenemos cita en el médico. ¡Gracias!"
    safe = text.encode("latin-1", "replace").decode("latin-1")
    return [stage.send(guardian, [teacher], "Cita", safe, encoding="8bit", charset="iso-8859-1")]


def letter_from_abroad(stage: Stage) -> list[Message]:
    """An address and headers in UTF-8 (SMTPUTF8, RFC 6531)."""
    office = next(stage.cast.colleagues)
    author = Party("Família Conceição", "família.conceição@correio-açores.example")
    text = "Bom dia, chegamos em janeiro e procuramos escola para as nossas irmãs, de 8 e 11 anos. Até já!"
    return [stage.send(author, [office], "Matrícula de duas irmãs", text, encoding="8bit", smtputf8=True)]


def calendar_invitation(stage: Stage) -> list[Message]:
    colleague, guests = next(stage.cast.colleagues), [next(stage.cast.colleagues) for _ in range(4)]
    day = f"{stage.district.day:%Y%m%d}"
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", f"UID:{day}-{colleague.id}",
             f"DTSTART:{day}T193000Z", "SUMMARY:Team meeting", "END:VEVENT", "END:VCALENDAR", "")  # fmt: skip
    invite = Attachment("invite.ics", "text/calendar; method=REQUEST", "\r\n".join(lines).encode())
    return [
        stage.send(
            colleague,
            guests,
            "Invitation: team meeting",
            "When: 2:30 pm\nWhere: library",
            attachments=[invite],
        )
    ]


def superintendent_to_staff(stage: Stage) -> list[Message]:
    superintendent = next(p for p in stage.district.staff if p.job == Job.SUPERINTENDENT)
    readers: list[Person] = list(dict.fromkeys(next(stage.cast.colleagues) for _ in range(80)))
    text = "The School Committee has passed the budget. Thank you all for speaking up for our schools."
    staff = Party("All staff", superintendent.email)
    return [stage.send(superintendent, [staff], "Budget", text, bcc=readers, html=True)]


def nobody_at_home(stage: Stage) -> list[Message]:
    """Mail to somebody unknown here is refused while the sender waits; the other recipient gets it."""
    lost = Party("", f"former.secretary@{DOMAIN}")
    author = Party("Regional Transcript Exchange", "requests@transcripts.example")
    text = "Please send the sealed transcript by mail. Thank you."
    return [
        stage.send(author, [next(stage.cast.counselors), lost], "Transcript request", text, refused=[lost])
    ]


def nobody_abroad(stage: Stage) -> list[Message]:
    """The other way round: the internet does not know this mailbox, and the writer learns it at once."""
    lost = Party("Old Address", "no-longer-here@bayline.example")
    colleague = next(stage.cast.colleagues)
    text = f"Your forms for the after-school program are still missing.\n\n{colleague.name}"
    return [stage.send(colleague, [lost], "Missing forms", text, refused=[lost])]


def _half(stage: Stage) -> bool:
    return stage.rng.random() < 0.5


# How often each is met, in shares of the day.
ORDINARY: dict[Scenario, int] = {
    teacher_to_class: 12,
    teacher_sends_worksheet: 5,
    guardian_and_teacher: 14,
    student_and_teacher: 9,
    students_among_themselves: 6,
    staff_thread: 13,
    newsletter: 2,
    vendor: 10,
    bounce: 3,
    out_of_office: 4,
    mailing_list: 4,
    staff_personal_use: 5,
    scanner: 5,
    library_notice: 4,
    nurse_to_home: 5,
    latin1_from_home: 3,
    letter_from_abroad: 2,
    calendar_invitation: 3,
    superintendent_to_staff: 1,
    nobody_at_home: 2,
    nobody_abroad: 1,
}
