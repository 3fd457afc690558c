"""The legacy encodings of Vietnamese: read by name, found on strong evidence, and never guessed otherwise."""

from __future__ import annotations

import gzip
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import SheetError
from importer.mojibake import looks_decoded_wrongly
from importer.sheets import Sheet, encodings, open_sheets, stream
from tests.test_sheets_text import opened, refusal, rows_of, table_of, written

LEADS = (
    ("Mã khách hàng", "Họ và tên", "Địa chỉ"),
    ("1001", "Nguyễn Thị Ánh Tuyết", "12 Lê Lợi, Phường Bến Nghé"),
    ("1002", "Đặng Quốc Vương", "Quận Bình Thạnh"),
    ("1003", "Huỳnh Thuỳ Ỷ Quyên", "Buôn Ma Thuột, Đắk Lắk"),
    ("1004", "Phan Khoẻ", "“Chợ Lớn” – ngõ 7 phố Giếng"),
    ("1005", "Lê Hữu Nghĩa", "Đường Cách Mạng Tháng Tám"),
)

# Each letter, as Windows-1252 shows its code: written down here a second time, from fonts' charts.
LETTERS = "àảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵăâêôơưđĂÂÊÔƠƯĐ"
TCVN3 = "µ¶·¸¹»¼½¾ÆÇÈÉÊËÌÎÏÐÑÒÓÔÕÖ×ØÜÝÞßáâãäåæçèéêëìíîïñòóôõö÷øùúûüýþ¨©ª«¬\u00ad®¡¢£¤¥¦§"
VNI = (
    "aø aû aõ aù aï aè aú aü aé aë aà aå aã aá aä eø eû eõ eù eï eà eå eã eá eä ì æ ó í ò oø oû oõ où oï "
    "oà oå oã oá oä ôø ôû ôõ ôù ôï uø uû uõ uù uï öø öû öõ öù öï yø yû yõ yù î aê aâ eâ oâ ô ö ñ "
    "AÊ AÂ EÂ OÂ Ô Ö Ñ"
)
SIGNS = {"–": "–", "“": "“", "”": "”", "…": "…"}
TO_TCVN3 = SIGNS | dict(zip(LETTERS, TCVN3, strict=True))
TO_VNI = SIGNS | {
    sign.upper() if shouted else sign: code.upper() if shouted else code
    for shouted in (True, False)
    for sign, code in zip(LETTERS, VNI.split(), strict=True)
}
TONES = "\u0300\u0301\u0303\u0309\u0323"


def in_tcvn3(text: str) -> bytes:
    # It has no capitals with a tone: a font shows the small ones as such.
    signs = (TO_TCVN3.get(sign) or TO_TCVN3.get(sign.lower(), sign) for sign in text)
    return "".join(signs).encode("windows-1252")


def in_vni(text: str) -> bytes:
    return "".join(TO_VNI.get(sign, sign) for sign in text).encode("windows-1252")


def in_windows_1258(text: str) -> bytes:
    encoded = b""
    for sign in text:
        try:
            encoded += sign.encode("windows-1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", sign)
            letter = unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES))
            tone = "".join(part for part in parts if part in TONES)
            encoded += (letter + tone).encode("windows-1258")
    return encoded


ENCODERS = {"windows-1258": in_windows_1258, "tcvn3": in_tcvn3, "vni": in_vni}
BY_ENCODING = pytest.mark.parametrize(("name", "encode"), ENCODERS.items())

Encode = Callable[[str], bytes]


def csv_of(leads: tuple[tuple[str, ...], ...]) -> str:
    return "".join('"{}","{}","{}"\n'.format(*cells) for cells in leads)


def small(leads: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    return [tuple(cell.lower() for cell in cells) for cells in leads]


def content(sheet: Sheet) -> tuple[tuple[str, ...], ...]:
    return (sheet.headers, *(row.cells for row in rows_of(sheet)))


def decoded(name: str, encoded: bytes, size: int) -> str:
    decoder = encodings.find_codec(name)[1]()
    parts = [encoded[at : at + size] for at in range(0, len(encoded), size)]
    return "".join(map(decoder.decode, parts)) + decoder.decode(b"", True)


@BY_ENCODING
def test_leads_in_a_legacy_encoding_are_read_and_the_person_is_told(
    tmp_path: Path, name: str, encode: Encode
) -> None:
    path = written(tmp_path, encode(csv_of(LEADS)))
    sheet = opened(path)
    assert small(content(sheet)) == small(LEADS)
    (notice,) = sheet.notices
    assert f"{path} is not in UTF-8 and is read as {name}, in which 44 of its 44 words" in notice
    assert "--encoding NAME says otherwise" in notice


@pytest.mark.parametrize("name", ["windows-1258", "vni"])
def test_capitals_are_kept_where_the_encoding_has_them(tmp_path: Path, name: str) -> None:
    shouted = tuple(tuple(cell.upper() for cell in cells) for cells in LEADS)
    for leads in (LEADS, shouted):
        assert content(opened(written(tmp_path, ENCODERS[name](csv_of(leads))))) == leads


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("tcvn3", in_tcvn3),
        ("TCVN-3", in_tcvn3),
        ("abc", in_tcvn3),
        ("vni", in_vni),
        ("VNI Windows", in_vni),
        ("windows-1258", in_windows_1258),
        ("cp1258", in_windows_1258),
    ],
)
def test_an_encoding_is_used_by_its_name_without_a_notice(tmp_path: Path, name: str, encode: Encode) -> None:
    sheet = opened(written(tmp_path, encode("tên\nnguyễn\n")), name)
    assert (sheet.headers, table_of(sheet), sheet.notices) == (("tên",), {2: ("nguyễn",)}, ())


def test_a_named_encoding_is_not_doubted(tmp_path: Path) -> None:
    path = written(tmp_path, in_tcvn3(csv_of(LEADS)))
    assert "no text in utf-8; save" in refusal(path, "utf-8")
    assert "Hä" in opened(path, "windows-1252").headers[1]
    assert "no text in vni; save" in refusal(path, "vni")


@BY_ENCODING
def test_text_may_be_cut_anywhere_even_between_a_letter_and_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, encode: Encode
) -> None:
    expected = content(opened(written(tmp_path, encode(csv_of(LEADS)))))
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(stream, "BLOCK", size)
        sheet = opened(tmp_path / "leads.csv")
        assert content(sheet) == expected
        assert f"read as {name}" in sheet.notices[0]


@BY_ENCODING
def test_a_packed_file_and_standard_input_are_read_alike(tmp_path: Path, name: str, encode: Encode) -> None:
    encoded = encode(csv_of(LEADS))
    packed = opened(written(tmp_path, gzip.compress(encoded), "leads.csv.gz"))
    (piped,) = open_sheets("-", path=written(tmp_path, encoded, "spool"))
    assert content(packed) == content(piped)
    assert f"- is not in UTF-8 and is read as {name}" in piped.notices[0]


@BY_ENCODING
@pytest.mark.parametrize("rows", [1, 2])
def test_two_rows_are_read_rightly_or_refused_with_the_right_name_first(
    tmp_path: Path, name: str, encode: Encode, rows: int
) -> None:
    for start in range(len(LEADS) - rows):
        leads = LEADS[start + 1 : start + 1 + rows]
        path = written(tmp_path, encode(csv_of((("id", "name", "address"), *leads))))
        try:
            found: Sheet | str = opened(path)
        except SheetError as error:
            found = str(error)
        if isinstance(found, str):
            assert "no text in utf-8" in found
            assert f"most likely --encoding {name}" in found
        else:
            assert small(content(found))[1:] == small(leads)


def test_too_little_evidence_is_refused_with_the_byte_the_row_and_what_is_likely(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, b"id,name\n1," + in_vni("Nguyễn") + b"\n"))
    assert "row 2: byte 15 is no text in utf-8" in message
    assert "--encoding NAME, most likely --encoding vni." in message


def test_a_byte_that_the_found_encoding_lacks_is_told_in_that_encoding(tmp_path: Path) -> None:
    encoded = in_tcvn3(csv_of(LEADS))
    message = refusal(written(tmp_path, encoded + b"1006\tAn\xff\tx\n"))
    assert (
        f"row 7: byte {len(encoded) + 7} is no text in tcvn3, as the rest of it seems to be; save" in message
    )
    assert "--encoding NAME" in message


def test_a_file_that_is_partly_utf_8_is_not_read_in_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, in_tcvn3(csv_of(LEADS)) + "1006\tTrần Thị Hiền\tx\n".encode())
    assert "some of its words are UTF-8, so it may be damaged or mixed" in refusal(path)
    damaged = csv_of(LEADS).encode() + b"1006\tTr\xc6n\tx\n"
    message = refusal(written(tmp_path, damaged))
    assert f"row 7: byte {len(damaged) - 5} is no text in utf-8" in message
    assert "damaged or mixed" in message


def test_a_byte_order_mark_leaves_nothing_to_find(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, b"\xef\xbb\xbf" + in_vni(csv_of(LEADS))))
    assert "no text in utf-8" in message
    assert "likely" not in message


def test_utf_16_without_a_mark_is_not_taken_for_a_legacy_encoding(tmp_path: Path) -> None:
    assert "no text in utf-8" in refusal(written(tmp_path, csv_of(LEADS).encode("utf-16-le")))


def test_unicode_text_of_excel_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, csv_of(LEADS).encode("utf-16"), "leads.txt")
    assert (content(opened(path)), opened(path).notices) == (LEADS, ())


OTHERS = {
    "latin-1": "François Hélène Zoé René Gaël Noël Château Évêque Pâquerette né là à déjà été forêt sûr où "
    "Müller Jörg Käthe Größe Straße Schäfer Bär Lüdenscheid Höß für Köln Weiß süß Grün "
    "Núñez José María Peña Díaz Ibáñez Más Sí Álvaro Begoña León Cádiz Logroño "
    "João São Conceição Gonçalves Mãe Não à é avô lã pão",
    "windows-1250": "Dvořák Novák Nový Růžička Žižkov Łódź Wałęsa Świętosław Kovačević Szőke Török Gyöngyi",
    "windows-1257": "Jõgi Mõis Tõnu Sõõr Põhi Žemaitė Šiauliai Rīga Ķekava",
    "koi8-r": "Иванова Ольга Сергеевна улица Ленина дом и в с у о на не Петров Кузнецов Москва",
    "windows-1251": "Иванова Ольга Сергеевна улица Ленина дом и в с у о на не Петров Кузнецов Москва",
    "shift_jis": "山田 太郎 佐藤 花子 東京都 千代田区 女 男 ヤマダ ﾔﾏﾀﾞ すずき 大阪市 北区 本町 田中 一",
    "gbk": "王 伟 李娜 张 敏 北京市 朝阳区 女 男 上海 南京路 广州 刘洋 陈 一",
    "big5": "王 偉 李娜 張 敏 臺北市 信義區 女 男 高雄 中正路 劉洋 陳 一",
    "euc-kr": "김 민수 이영희 서울 강남구 남 여 부산 해운대 박 최",
    "iso-8859-9": "Şahin Öztürk Gülşen Çağlar Işık Yıldız Ümit Kadıköy",
    "cp874": "สมชาย ใจดี กรุงเทพ ถนน สุขุมวิท นาย นาง",
}


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_languages_and_their_encodings_are_never_taken_for_vietnamese(encoding: str) -> None:
    chance = random.Random(7)  # noqa: S311  no secret is made here
    words = OTHERS[encoding].split()
    for _ in range(300):
        text = ",".join(chance.choices(words, k=chance.choice((1, 2, 3, 5, 10, 40))))
        assert encodings.weigh([text.encode(encoding)]).chosen == ""


@pytest.mark.parametrize("encoding", OTHERS)
def test_other_languages_are_refused_with_the_byte_the_row_and_the_option(
    tmp_path: Path, encoding: str
) -> None:
    message = refusal(written(tmp_path, b"name\n" + "\n".join(OTHERS[encoding].split()).encode(encoding)))
    assert "is no text in utf-8" in message
    assert "row " in message
    if encoding == "latin-1":
        assert "most likely --encoding windows-1252." in message
    if encoding == "gbk":
        assert "--encoding NAME, for example" in message


def test_a_few_foreign_words_among_vietnamese_ones_do_not_hide_the_encoding() -> None:
    for name, encode in (("windows-1258", in_windows_1258), ("vni", in_vni)):
        foreign = "\nCafé".encode("latin-1")
        assert encodings.weigh([encode(csv_of(LEADS)), foreign]).chosen == name


@given(st.text("abceghiklmnopqrstuvxyABCDEGHIKLMNOPQRSTUVXY ,\n" + LETTERS), st.integers(1, 9))
def test_any_text_of_vietnamese_letters_is_read_from_tcvn3(text: str, size: int) -> None:
    assert decoded("tcvn3", in_tcvn3(text), size) == text


@given(
    st.text("abceghiklmnopqrstuvxyABCDEGHIKLMNOPQRSTUVXY ,\n…" + LETTERS + LETTERS.upper()), st.integers(1, 9)
)
def test_any_text_of_vietnamese_letters_is_read_from_vni(text: str, size: int) -> None:
    assert decoded("vni", in_vni(text), size) == text


@given(st.binary(max_size=40), st.integers(1, 9))
def test_where_bytes_are_cut_changes_neither_the_text_nor_the_fault(encoded: bytes, size: int) -> None:
    for name in encodings.VIETNAMESE:
        try:
            whole = encodings.find_codec(name)[1]().decode(encoded, True)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                decoded(name, encoded, size)
            continue
        assert decoded(name, encoded, size) == whole


def test_marks_of_vni_without_their_letter_are_refused() -> None:
    for encoded in ("bù", "ïa", "eê", "yâ", "aùù", "aó\x80"):
        with pytest.raises(UnicodeDecodeError):
            decoded("vni", encoded.encode("latin-1"), 9)


def test_marks_of_vni_may_be_small_after_a_capital() -> None:
    assert decoded("vni", "AÙnh Aùnh ÔÛ Ôû".encode("latin-1"), 1) == "Ánh Ánh Ở Ở"


def test_the_row_of_a_fault_is_right_when_a_block_ends_in_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (1, 2, 5, 8, 100):
        monkeypatch.setattr(stream, "BLOCK", size)
        message = refusal(written(tmp_path, b"a,b\nxa\xe2,ya\xffz\n"), "vni")
        assert "row 2: byte 10 is no text in vni" in message


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_a_sheet_error(
    tmp_path_factory: pytest.TempPathFactory, encoded: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("random"), encoded)
    for name in (None, "tcvn3", "vni"):
        try:
            (sheet,) = open_sheets(str(path), encoding=name)
        except SheetError:
            continue
        assert all(len(row.cells) == len(sheet.headers) for row in rows_of(sheet))


def test_a_plain_file_is_never_weighed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(encodings, "weigh")
    assert content(opened(written(tmp_path, csv_of(LEADS)))) == LEADS


def test_no_more_words_are_weighed_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_SAMPLE", 3)
    evidence = encodings.weigh(in_vni(f"{name}\n") for _, name, _ in LEADS)
    assert evidence.words < 10


SYLLABLES = (
    "nguyễn ánh tuyết đặng quốc vương phường bến nghé quận thạnh đắk lắk huỳnh thuỷ khuê quýt giếng gì ỷ ướt "
    "khoẻ khỏe loằng ngoằng nghiêng yên xoong khuya rượu quầy khuỷu mỹ oanh"
)


@pytest.mark.parametrize("word", SYLLABLES.split())
def test_a_syllable_is_known(word: str) -> None:
    assert encodings.is_syllable(word)


@pytest.mark.parametrize(
    "word", ["", "müller", "josé", "thốc̣", "tèt", "cách̀", "sâo", "ngẫn̉", "zoé", "ñ", "éa"]
)
def test_what_is_no_syllable_is_known(word: str) -> None:
    assert not encodings.is_syllable(word)


@pytest.mark.parametrize(
    "text",
    [
        "Nguyá»…n",
        "Nguyá»n",
        "Nguyá»\x85n",
        "Tráº§n Äá»©c",
        "Ä‘Æ°á»ng",
        "LÃª",
        "LĂª",
        "NguyÃ¡Â»â€¦n",
        "Nguy·ªÖn VƒÉn",
        "√¢n",
        "HÃ\u00a0",
        "Ã”ng",
        "Nguy\ufffdn",
        "Nguyễn LÃª",
        "MÃ¼ller",
    ],
)
def test_text_that_was_decoded_wrongly_is_told(text: str) -> None:
    assert looks_decoded_wrongly(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "John",
        *(cell for cells in LEADS for cell in cells),
        *(cell.upper() for cells in LEADS for cell in cells),
        *(" ".join(words.split()) for words in OTHERS.values()),
        "“THỊ XÃ” – «está» √9 90° 1.000 €",
        "XÃ\u00a0TÂN THẠNH",
        "½ Å Ä Ü ñ",
        "Nguye\u0302\u0303n",
        "🙂 😀",
    ],
)
def test_text_that_is_right_is_not_told(text: str) -> None:
    assert not looks_decoded_wrongly(text)


@given(st.text(LETTERS + LETTERS.upper() + "abc xyzABC.,-“”…", max_size=20))
def test_no_vietnamese_text_is_told_as_decoded_wrongly(text: str) -> None:
    assert looks_decoded_wrongly(text) is False


@given(st.text("ảạằẳẵắặầẩẫấậẻẽẹềểễếệỉịỏọồổỗốộờởỡớợủụừửữứựỳỷỹỵđ", min_size=1, max_size=9))
def test_any_word_of_vietnamese_taken_for_latin_1_is_told(text: str) -> None:
    assert looks_decoded_wrongly(text.encode().decode("latin-1"))
