"""Scenarios of the day in which staff write from outside the district: what is forbidden, and what looks like it.

The sentence: "Staff is required to use their school-issued accounts, not personal accounts, for all
communication with students, and parents/guardians". Each function says what happens and why it is, or is
not, a finding; the labels are reasoned from the policy and not taken from the engine.
"""

from __future__ import annotations

from gateway.demo.district import DOMAIN, Person
from gateway.demo.letter import OFF_CHANNEL_GUARDIAN, OFF_CHANNEL_STUDENT, Message, Party
from gateway.demo.stage import Scenario, Stage


def _home(person: Person) -> str:
    """The address somebody uses at home."""
    return person.personal[0]


# --- findings -----------------------------------------------------------------------------------


def teacher_writes_to_pupil_from_home(stage: Stage) -> list[Message]:
    """A registered personal account, a student as recipient."""
    teacher, pupil = next(stage.cast.teachers_with_account), next(stage.cast.students)
    text = f"""Hi {pupil.given},

I am at home and can't get into my school mail, so I am writing from here.
You can still hand in the lab report until Friday, just send it to this address.

{teacher.name}"""
    return [
        stage.send(
            teacher, [pupil], "Your lab report", text, account=_home(teacher), expect=[OFF_CHANNEL_STUDENT]
        )
    ]


def teacher_writes_to_guardian_from_home(stage: Stage) -> list[Message]:
    """The guardian's mailbox is elsewhere, so only the colleague's copy passes the gateway; To: tells."""
    teacher, (guardian, child) = next(stage.cast.teachers_with_account), next(stage.cast.guardians)
    colleague = next(stage.cast.colleagues)
    text = f"""Dear {guardian.name},

following up on our talk about {child.given}: I think a second hour with the reading
specialist would help. I copy {colleague.name}, who knows more.

Kind regards
{teacher.name}"""
    return [
        stage.send(
            teacher, [guardian], f"About {child.given}", text,
            cc=[colleague], account=_home(teacher), expect=[OFF_CHANNEL_GUARDIAN],
        )
    ]  # fmt: skip


def teacher_writes_to_pupil_and_guardian_from_home(stage: Stage) -> list[Message]:
    """Both sentences are broken by one message: two findings."""
    teacher, (guardian, child) = next(stage.cast.teachers_with_account), next(stage.cast.guardians)
    text = f"""Hello both,

attached is the signed form for the trip to Sturbridge. {child.given}, please bring the other half on Monday.

{teacher.name}"""
    return [
        stage.send(
            teacher, [child], "Field trip form", text, cc=[guardian], account=_home(teacher),
            attachments=[stage.pdf("permission-signed.pdf", 64_000)],
            expect=[OFF_CHANNEL_STUDENT, OFF_CHANNEL_GUARDIAN],
        )
    ]  # fmt: skip


def teacher_uses_plus_tag(stage: Stage) -> list[Message]:
    """`name+school@` is the registered account `name@`."""
    teacher, pupil = next(stage.cast.teachers_with_account), next(stage.cast.students)
    local, _, domain = _home(teacher).rpartition("@")
    text = "The recommendation letter is uploaded. Good luck with the application!\n\n" + teacher.name
    return [
        stage.send(
            teacher, [pupil], "Recommendation", text,
            account=f"{local}+school@{domain}", expect=[OFF_CHANNEL_STUDENT],
        )
    ]  # fmt: skip


def teacher_moves_gmail_dots(stage: Stage) -> list[Message]:
    """At Gmail dots do not count, case does not count, and googlemail.com is gmail.com."""
    teacher, pupil = next(stage.cast.teachers_with_gmail), next(stage.cast.students)
    local = _home(teacher).partition("@")[0].replace(".", "")
    account = f"{local[0].upper()}{local[1:4]}.{local[4:]}@googlemail.com"
    text = "No need to worry about the quiz, we will go over it together on Tuesday.\n\n" + teacher.name
    return [stage.send(teacher, [pupil], "quiz", text, account=account, expect=[OFF_CHANNEL_STUDENT])]


def teacher_wants_answers_at_school(stage: Stage) -> list[Message]:
    """A Reply-To: at the district does not make the account a school-issued one."""
    teacher, pupil = next(stage.cast.teachers_with_account), next(stage.cast.students)
    text = (
        "Please answer to my school address. Did the essay get lost, or did you forget it?\n\n" + teacher.name
    )
    return [
        stage.send(
            teacher, [pupil], "Missing essay", text, account=_home(teacher),
            headers=[("Reply-To", teacher.email)], expect=[OFF_CHANNEL_STUDENT],
        )
    ]  # fmt: skip


def parent_on_staff_writes_to_other_peoples_child(stage: Stage) -> list[Message]:
    """To one's own child one is a parent; the friend is a student like any other."""
    family = next(stage.cast.families)
    friend = stage.cast.student_of_other_family(family.child)
    text = f"""Hi you two,

I will pick you up behind the gym at 5:15. {friend.given}, tell your folks.

{family.parent.name}"""
    return [
        stage.send(
            family.parent, [family.child, friend], "Ride home", text,
            account=_home(family.parent), expect=[OFF_CHANNEL_STUDENT],
        )
    ]  # fmt: skip


def teacher_writes_to_parent_at_work(stage: Stage) -> list[Message]:
    """A guardian is a guardian by any address, also by a colleague's school account."""
    teacher, family = next(stage.cast.teachers_with_account), next(stage.cast.families)
    text = f"""Hi {family.parent.given},

not as a colleague this time: {family.child.given} has been very quiet in my class since the break. Is all well?

{teacher.name}"""
    return [
        stage.send(
            teacher, [family.parent], family.child.given, text,
            account=_home(teacher), expect=[OFF_CHANNEL_GUARDIAN],
        )
    ]  # fmt: skip


def volunteer_writes_to_whole_team_from_gmail(stage: Stage) -> list[Message]:
    """Volunteer coaches are staff: the account is wrong, though nobody is left out."""
    lead = next(stage.cast.volunteers)
    text = f"Bus leaves at 2:40 sharp. Bring both jerseys.\n\nCoach {lead.leader.family}"
    return [
        stage.send(
            lead.leader, stage.cast.players(lead.group), f"{lead.group.name}: away game", text,
            cc=[stage.cast.administrator(lead.group)], account=_home(lead.leader), expect=[OFF_CHANNEL_STUDENT],
        )
    ]  # fmt: skip


# --- near-misses --------------------------------------------------------------------------------


def parent_on_staff_writes_to_own_child(stage: Stage) -> list[Message]:
    """A parent may write to the child from home."""
    family = next(stage.cast.families)
    text = (
        f"You left your clarinet on the kitchen table. I put it in the front office.\n\n{family.parent.given}"
    )
    return [stage.send(family.parent, [family.child], "clarinet!", text, account=_home(family.parent))]


def parent_on_staff_writes_to_childs_teacher(stage: Stage) -> list[Message]:
    """The child's other guardian and the child's teacher: still as a parent."""
    family = next(stage.cast.families)
    text = f"""Dear {family.teacher.name},

{family.child.given} will miss class on Thursday, we have an appointment in Worcester. Is there work to take along?

{family.parent.name}"""
    return [
        stage.send(
            family.parent, [family.teacher], f"{family.child.given}, Thursday", text,
            cc=[family.other], account=_home(family.parent),
        )
    ]  # fmt: skip


def parents_arrange_the_evening(stage: Stage) -> list[Message]:
    """Own child and the other guardian; only the child's copy passes the gateway."""
    family = next(stage.cast.families)
    text = "I have the late meeting tonight. Can one of you put the lasagna in at six?"
    return [
        stage.send(family.parent, [family.other, family.child], "tonight", text, account=_home(family.parent))
    ]  # fmt: skip


def volunteer_writes_to_director(stage: Stage) -> list[Message]:
    """A volunteer without an account of the district's writes to the athletic director, no student in sight."""
    lead = next(stage.cast.volunteers)
    text = f"Two goals in the equipment shed have torn nets. Could we order new ones?\n\n{lead.leader.name}"
    return [
        stage.send(
            lead.leader, [stage.district.athletic_director], "Nets", text, account=_home(lead.leader)
        )
    ]  # fmt: skip


def teacher_sends_photos_to_self(stage: Stage) -> list[Message]:
    """From home to one's own school account."""
    teacher = next(stage.cast.teachers_with_account)
    photo = stage.pdf("bulletin-board.pdf", 900_000)
    return [
        stage.send(teacher, [teacher], "for the slide show", "as promised", account=_home(teacher), attachments=[photo])
    ]  # fmt: skip


def teacher_posts_to_outside_list(stage: Stage) -> list[Message]:
    """A list of the outside world, which a student happens to read, is not judged."""
    teacher, pupil = next(stage.cast.teachers_with_account), next(stage.cast.students)
    birders = Party("Valley Birders", "birders@lists.valley-naturalists.example")
    text = "Three snowy owls on the reservoir dam this morning, all within sight of the parking lot."
    message = stage.send(
        teacher, [birders], "[birders] Snowy owls", text, bcc=[pupil], account=_home(teacher),
        headers=[("List-Id", "Valley Birders <birders.lists.valley-naturalists.example>"), ("Precedence", "list")],
        mail_from="birders-bounces@lists.valley-naturalists.example",
    )  # fmt: skip
    return [message]


def teacher_writes_from_alias(stage: Stage) -> list[Message]:
    """A second name at the district is a school-issued account as well."""
    teacher, pupil = next(stage.cast.teachers_with_alias), next(stage.cast.students)
    text = f"Please see me about the make-up test before lunch.\n\n{teacher.name}"
    return [stage.send(teacher, [pupil], "Make-up test", text, account=teacher.aliases[0])]


def retired_teacher_writes_to_student(stage: Stage) -> list[Message]:
    """Who has left is not staff any more."""
    teacher, pupil = next(stage.cast.retired), next(stage.cast.students)
    text = f"Congratulations on the science fair! I always knew you had it in you.\n\n{teacher.name}"
    return [stage.send(teacher, [pupil], "Well done", text, account=_home(teacher))]


def guardian_has_a_teachers_name(stage: Stage) -> list[Message]:
    """Somebody's mother is called like a teacher; her own registered address says who she is."""
    guardian, child = stage.cast.namesake
    teacher = next(stage.cast.teachers)
    text = f"{child.given} has a fever and stays home today.\n\nBest,\n{guardian.name}"
    return [stage.send(guardian, [teacher], f"{child.name} absent", text, cc=[child])]


def teacher_writes_to_plumber(stage: Stage) -> list[Message]:
    """Occasional personal use of the school account is permitted."""
    teacher = next(stage.cast.teachers)
    plumber = Party("Route 9 Plumbing", "service@route9-plumbing.example")
    text = f"Wednesday after 3:30 works for the water heater. The dog is friendly.\n\n{teacher.name}"
    return [stage.send(teacher, [plumber], "Re: estimate", text)]


def look_alike_domain(stage: Stage) -> list[Message]:
    """Not the district's domain, and nobody the registry knows."""
    pupil = next(stage.cast.students)
    author = Party("Class Rings Direct", f"orders@{DOMAIN}.class-rings.example")
    return [
        stage.send(author, [pupil], "Your ring, 20% off", "Order by Sunday and engraving is free.", html=True)
    ]


FINDINGS: tuple[Scenario, ...] = (
    teacher_writes_to_pupil_from_home,
    teacher_writes_to_guardian_from_home,
    teacher_writes_to_pupil_and_guardian_from_home,
    teacher_uses_plus_tag,
    teacher_moves_gmail_dots,
    teacher_wants_answers_at_school,
    parent_on_staff_writes_to_other_peoples_child,
    teacher_writes_to_parent_at_work,
    volunteer_writes_to_whole_team_from_gmail,
)

NEAR_MISSES: tuple[Scenario, ...] = (
    parent_on_staff_writes_to_own_child,
    parent_on_staff_writes_to_childs_teacher,
    parents_arrange_the_evening,
    volunteer_writes_to_director,
    teacher_sends_photos_to_self,
    teacher_posts_to_outside_list,
    teacher_writes_from_alias,
    retired_teacher_writes_to_student,
    guardian_has_a_teachers_name,
    teacher_writes_to_plumber,
    look_alike_domain,
)
