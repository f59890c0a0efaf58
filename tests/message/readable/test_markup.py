"""HTML as text: what is shown, what is hidden, where links lead."""

from __future__ import annotations

import pytest

from gateway.message.readable.markup import rendered


def shown(markup: str) -> list[str]:
    return [line.text for line in rendered(markup).lines if line.text]


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("<p>One<p>Two", ["One", "Two"]),
        ("One<br>Two<br/>Three", ["One", "Two", "Three"]),
        ("<div>One <b>and</b>\n a half</div>Two", ["One and a half", "Two"]),
        ("wo<b>rd</b>", ["word"]),
        ("caf&eacute; &#233; &#xe9; &amp; &lt;p&gt; &nosuch; &", ["café é é & <p> &nosuch; &"]),
        ("a&nbsp;b", ["a b"]),
        ("&#99999999999999; &#xD800;", ["\ufffd \ufffd"]),
        ("<ul><li>One<li>Two</ul>", ["One", "Two"]),
        ("<table><tr><td>Name</td><td>Day</td></tr><tr><td>Ann<td>Friday</table>", ["Name | Day", "Ann | Friday"]),
        ("<pre>a  b\n  c</pre>", ["a  b", "  c"]),
        ("<img src=x alt='The plan'>", ["The plan"]),
        ("<style>p {color: red}</style><script>var a = '<p>no</p>'</script>Yes", ["Yes"]),
        ("<STYLE>p</STYLE >Yes", ["Yes"]),
        ("<style>never closed <p>Yes", ["never closed", "Yes"]),
        ("<!-- never closed <p>Yes", ["never closed", "Yes"]),
        ("<!--[if mso]><p>no</p><![endif]-->Yes", ["Yes"]),
        ("<![if !mso]>Yes<![endif]>", ["Yes"]),
        ("1 < 2 and 3 > 2", ["1 < 2 and 3 > 2"]),
        ("<a title='a > b'>Yes</a>", ["Yes"]),
        ("<a title='never closed>Yes</a> and more", ["Yes and more"]),
        ("<p", ["<p"]),
        ("</>Yes</ >", ["Yes"]),
        ("<o:p>Yes</o:p><v:shape>too</v:shape>", ["Yestoo"]),
        ("<body><p>One</body></html><p>Two", ["One", "Two"]),
        ("<select><option>A<option>B</select>", ["A", "B"]),
        ("", []),
    ],
)  # fmt: skip
def test_shown(markup: str, lines: list[str]) -> None:
    assert shown(markup) == lines


@pytest.mark.parametrize(
    "markup",
    [
        '<div style="display:none">secret</div>plain',
        '<div style="DISPLAY : NONE !important">secret</div>plain',
        "<span style='visibility: hidden'>secret</span>plain",
        "<span style='font-size:0px'>secret</span>plain",
        "<span style='font-size: 0.0em; color:red'>secret</span>plain",
        "<span style='opacity:0'>secret</span>plain",
        "<!--[if mso]><p>secret</p><![endif]-->plain",
        "<!--[if gte mso 9]><style>p {}</style>secret<![endif]-->plain",
        "<div style='max-height:0;overflow:hidden'>secret</div>plain",
        "<div style='display&#58;none'>secret</div>plain",
        "<span hidden>secret</span>plain",
        "<span class=a hidden=''>secret</span>plain",
        "<span class='preheader'>secret</span>plain",
        "<span style='color:#FFFFFF;background-color:white'>secret</span>plain",
        "<span style='color:#fff'>secret</span>plain",
        "<table bgcolor='#ffffff'><tr><td><font color=white>secret</font>plain</table>",
        "<div style='display:none'><p style='display:block'>secret</p></div>plain",
        "<table><tr><td style='display:none'>secret<td>plain</table>",
        "<p style='display:none'><br>secret</p>plain",  # a line end closes no paragraph
        "<title>secret</title>plain",
        "<!-- secret -->plain",
        "<input type=hidden value=secret>plain",
        "<div style='display:none'><img alt='secret'></div>plain",
    ],
)
def test_hidden(markup: str) -> None:
    page = rendered(markup)
    assert "".join(line.text for line in page.lines) == "plain"
    assert page.hidden == "secret"


@pytest.mark.parametrize(
    "markup",
    [
        "<td style='font-size:0'><div style='font-size:14px'>plain</div></td>",
        "<div style='visibility:hidden'><b style='visibility:visible'>plain</b></div>",
        "<td style='background:#003366'><span style='color:#fff'>plain</span></td>",
        "<style>.a{background:navy}</style><span class=a style='color:white'>plain</span>",
        "<p style='display:none'><p>plain",
        "<span style='font-size:0.9em'>plain</span>",
        "<span style='opacity:0.8'>plain</span>",
        "<span style='line-height:0'>plain</span>",
        "<a style='color:#333;mso-hide:all'>plain</a>",  # hidden by Outlook alone
        "<td bgcolor=white><div style='background:url(a.png)'><b style='color:white'>plain</b></div></td>",
        "<td bgcolor=white><table background=a.png><tr><td style='color:white'>plain</table></td>",
        "<span data-hidden='x'>plain</span>",
        "<span hidden='until-not'>plain</span>",
        "<a title='hidden'>plain</a>",
        "<div style='display:none'></div>plain",
        "<br style='display:none'>plain",
    ],
)
def test_not_hidden(markup: str) -> None:
    assert shown(markup) == ["plain"]


@pytest.mark.parametrize(
    ("markup", "text", "target", "deceptive"),
    [
        ("<a href='//school.example/trip'>the trip</a>", "the trip", "//school.example/trip", False),
        ("<a href=//school.example/>www.school.example</a>", "www.school.example", "//school.example/", False),
        ("<a href='//evil.test/'>https://bank.example/</a>", "https://bank.example/", "//evil.test/", True),
        ("<a href='//b.test@evil.test/'>b.test</a>", "b.test", "//b.test@evil.test/", True),
        ("<a href='//a.school.example/'>school.example</a>", "school.example", "//a.school.example/", False),
        ("<a href='//drive.example/f'>report.pdf</a>", "report.pdf", "//drive.example/f", False),
        ("<a href='//na.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2F'>a.example</a>", "a.example",
         "//na.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2F", False),
        ("<a href='//evil.test/?url=https%3A%2F%2Fa.example%2F'>a.example</a>", "a.example",
         "//evil.test/?url=https%3A%2F%2Fa.example%2F", True),
        ("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example", "mailto:a@b.example", False),
        ("<a href='//a.example/?x=1&amp;y=2'>//a.example/?x=1&amp;y=2</a>", "", "//a.example/?x=1&y=2", False),
        ("<a href='https://a.example/'><p>in a block", "in a block", "https://a.example/", False),
    ],
)  # fmt: skip
def test_links(markup: str, text: str, target: str, deceptive: bool) -> None:
    (link,) = rendered(markup).links
    assert (link.text, link.target, link.deceptive) == (text, target, deceptive)


def test_links_are_bounded() -> None:
    assert len(rendered("<a href=x>y</a>" * 100, links=10).links) == 10


def test_a_million_open_elements() -> None:
    assert shown("<div><b>" * 200_000 + "deep") == ["deep"]


def test_a_megabyte_in_an_attribute() -> None:
    assert shown(f"<img src='data:image/png;base64,{'A' * 10**6}'>after") == ["after"]
