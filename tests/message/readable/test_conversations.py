"""Threads and languages."""

from __future__ import annotations

import pytest

from gateway.message.readable import readable
from gateway.message.readable.language import language_of
from gateway.message.readable.thread import subject_of_thread


@pytest.mark.parametrize(
    ("fields", "thread"),
    [
        ("Message-ID: <1@a>\nSubject: Trip", "1@a"),
        ("Message-ID: <2@a>\nIn-Reply-To: <1@a>\nSubject: Re: Trip", "1@a"),
        ("Message-ID: <3@a>\nIn-Reply-To: <2@a>\nReferences: <1@a>\n <2@a>\nSubject: Re: Trip", "1@a"),
        ("Message-ID: <4@a>\nSubject: Re: Trip to the Museum", "subject:trip to the museum"),
        ("Subject: AW: WG: Trip to the Museum", "subject:trip to the museum"),
        ("Subject: Trip", "subject:trip"),
        ("X: y", ""),
    ],
)
def test_thread(fields: str, thread: str) -> None:
    assert readable(f"{fields}\n\n".encode()).thread == thread


@pytest.mark.parametrize(
    ("subject", "folded", "answers"),
    [
        ("Viaje a Boston", "viaje a boston", False),
        ("Re: RE: Fwd: Viaje", "viaje", True),
        ("RV: Viaje", "viaje", True),
        ("ENC: Res: Viagem", "viagem", True),
        ("TR: Voyage", "voyage", True),
        ("SV: VS: Resa", "resa", True),
        ("Re[2]: Trip", "trip", True),
        ("Re: [staff] Re: Trip", "trip", True),
        ("[Fwd: Trip]", "trip", True),
        ("回复：家长会", "家 长 会", True),
        ("Trả lời: Họp", "hop", True),
        ("Reading: chapter 3", "reading chapter 3", False),
        ("Region: results", "region results", False),
        ("Re:", "re", True),
    ],
)
def test_subject_of_thread(subject: str, folded: str, answers: bool) -> None:
    assert subject_of_thread(subject) == (folded, answers)


TEXTS = [
    ("en", "Dear families, please send a lunch with your child on Friday, we will be back before the end of the day."),
    ("es", "Estimadas familias: por favor envíen el almuerzo con su hijo el viernes, que regresaremos a las tres."),
    ("es", "Hola maestra, mi hijo no puede ir a la escuela hoy porque esta enfermo. Muchas gracias por todo."),
    ("pt", "Prezadas famílias, não se esqueçam de mandar o lanche com o seu filho na sexta, o ônibus sai às oito."),
    ("fr", "Chères familles, merci de préparer un repas pour votre enfant vendredi, nous serons de retour le soir."),
    ("ht", "Chè fanmi, tanpri voye manje midi ak pitit ou a vandredi, nou ap tounen anvan lekòl la fini. Mèsi anpil."),
    ("vi", "Kính gửi quý phụ huynh, xin vui lòng chuẩn bị bữa trưa cho các em vào thứ sáu, chúng tôi sẽ về."),
    ("zh", "各位家长，请在星期五给孩子准备午餐，我们会在放学前回来。"),
    ("ja", "保護者の皆様、金曜日にはお弁当を持たせてください。"),
    ("ko", "학부모님께, 금요일에 점심을 준비해 주세요."),
    ("ru", "Уважаемые родители, пожалуйста, приготовьте обед на пятницу."),
    ("uk", "Шановні батьки, будь ласка, приготуйте обід на п'ятницю."),
    ("ar", "أولياء الأمور الكرام، يرجى إعداد الغداء ليوم الجمعة."),
    ("de", "Liebe Familien, bitte geben Sie den Kindern am Freitag ein Essen mit, wir sind vor drei zurück."),
    ("", "OK"),
    ("", "Joan Doe 781-555-0100 room 12"),
    ("", "https://school.example/the/and/to/of/you"),
    ("en", "Please ask 王小明 and his mother to be at the office when the bus is there."),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), TEXTS)
def test_language(language: str, text: str) -> None:
    assert language_of(text) == language


def test_language_is_that_of_what_the_author_wrote() -> None:
    raw = "From: a@b.example\nContent-Type: text/plain; charset=utf-8\n\nHola, no puedo ir a la escuela por la tarde.\n"
    quoted = "> Please send a lunch with your child, we will be back before the end of the day and the bus is here.\n"
    assert readable((raw + quoted).encode()).language == "es"
